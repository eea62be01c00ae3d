"""What proceeding, transfer and leniency need to know of a case; and how the values of a step are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from geodata.days import BEIJING
from geodata.words import Text
from pipeline.cases.refusal import StepRefused

VIOLATION = "violation"


@dataclass(frozen=True)
class Facts:
    """A case (or part) on the day of a step. Areas in m²; papers: type keys of the documents it holds.

    verdict: key of the ground check's verdict, None before it; outcome: how one without wrong will end the part.
    checked_at: when that was.
    ordered: an order to correct was served. due_at: the last day of the rectification.
    corrected_at: when the ground was put right, by the report that was accepted or is before acceptance.
    """

    ground_checked: bool = False
    verdict: str | None = None
    outcome: str = ""
    party: str | None = None
    basic_farmland_m2: float = 0.0
    farmland_m2: float = 0.0
    patch_m2: float = 0.0
    ordered: bool = False
    corrected_at: datetime | None = None
    due_at: date | None = None
    checked_at: datetime | None = None
    papers: tuple[str, ...] = ()


class Reader:
    """Reads the values of one step and keeps what it read, so that an event holds dates and numbers in one form.

    Values may come as JSON or as text from a command line. What is missing or unreadable is a
    StepRefused that names step and field.
    """

    def __init__(self, step: Text, payload: Mapping[str, Any], fields: Mapping[str, Text] | None = None) -> None:
        """fields: names of the fields, for the sentences."""
        self.step = step
        self.payload = payload
        self.fields = fields or {}
        self.read: dict[str, Any] = {}

    def has(self, name: str) -> bool:
        return self.payload.get(name) not in (None, "", [], {})

    def _given(self, name: str) -> Any:
        if not self.has(name):
            raise StepRefused(
                "{step}: {field} is missing; give {name}=…", step=self.step, field=self._named(name), name=name
            )
        return self.payload[name]

    def _wrong(self, name: str, wanted: str | Text) -> StepRefused:
        return StepRefused(
            "{step}: {name}={value} cannot be read; {wanted} is asked for.",
            step=self.step,
            name=name,
            value=self.payload[name],
            wanted=wanted,
        )

    def _named(self, name: str) -> Text | str:
        return self.fields.get(name, name)

    def text(self, name: str) -> str:
        value = self._given(name)
        if not isinstance(value, str | int) or not str(value).strip():
            raise self._wrong(name, {"zh": "文字", "en": "text"})
        self.read[name] = str(value).strip()
        return self.read[name]

    def one_of(self, name: str, allowed: Iterable[str]) -> str:
        value, allowed = str(self._given(name)), tuple(allowed)
        if value not in allowed:
            raise self._wrong(name, " / ".join(allowed))
        self.read[name] = value
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """A list, or one text with commas; each once, in the order given."""
        value = self._given(name)
        if isinstance(value, str):
            value = value.replace("，", ",").replace("、", ",").replace("；", ",").replace(";", ",").split(",")
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self._wrong(name, "A,B")
        found = tuple(dict.fromkeys(v.strip() for v in value if v.strip()))
        if not found:
            raise self._wrong(name, "A,B")
        self.read[name] = list(found)
        return found

    def day(self, name: str, *, earliest: date | None = None, latest: date | None = None) -> date:
        value = self._given(name)
        try:
            found = date.fromisoformat(str(value)[:10])
        except ValueError:
            raise self._wrong(name, "YYYY-MM-DD") from None
        if latest is not None and found > latest:
            raise StepRefused(
                "{step}: {field} {day} lies after {limit}; mend {name}=…",
                step=self.step,
                field=self._named(name),
                day=found,
                limit=latest,
                name=name,
            )
        if earliest is not None and found < earliest:
            raise StepRefused(
                "{step}: {field} {day} lies before {limit}; mend {name}=…",
                step=self.step,
                field=self._named(name),
                day=found,
                limit=earliest,
                name=name,
            )
        self.read[name] = found.isoformat()
        return found

    def moment(self, name: str) -> datetime:
        """A time with its zone; one without is Beijing time."""
        value = self._given(name)
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise self._wrong(name, "YYYY-MM-DDTHH:MM") from None
        found = found if found.tzinfo else found.replace(tzinfo=BEIJING)
        self.read[name] = found.isoformat()
        return found

    def number(self, name: str) -> float:
        """Finite and at least 0."""
        value = self._given(name)
        try:
            found = float(value)
        except (TypeError, ValueError):
            raise self._wrong(name, "0, 1, 2.5 …") from None
        if isinstance(value, bool) or not math.isfinite(found) or found < 0:
            raise self._wrong(name, "0, 1, 2.5 …")
        self.read[name] = found
        return found

    def flag(self, name: str) -> bool:
        value = self._given(name)
        known = {"true": True, "yes": True, "1": True, "是": True, "false": False, "no": False, "0": False, "否": False}
        found = known.get(str(value).strip().lower())
        if found is None:
            raise self._wrong(name, {"zh": "是 / 否", "en": "yes / no"})
        self.read[name] = found
        return found

    def papers(self, wanted: Iterable[tuple[str, Text]], held: Iterable[str]) -> None:
        """Each wanted paper (type key, name) is with this step (``papers``: keys, or {key: number}) or held already."""
        with_it = self.payload.get("papers") or ()
        if isinstance(with_it, str):
            with_it = [p.strip() for p in with_it.replace("，", ",").split(",") if p.strip()]
        self.read["papers"] = dict(with_it) if isinstance(with_it, Mapping) else list(with_it)
        here = {*self.read["papers"], *held}
        for key, name in wanted:
            if key not in here:
                raise StepRefused(
                    "{step}: the document {name} ({key}) is missing; add it.", step=self.step, name=name, key=key
                )
