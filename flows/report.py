"""[io] What is said of an inspection: its notes, the document of ``--json``, the engine's artifacts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.settings import Workspace
from flows.steps import Laid
from geodata.days import day_of
from geodata.editions import LayersOnDay
from geodata.errors import GengXunError
from geodata.layers import Kind
from geodata.words import LANGUAGES, Text, both, language, tr
from pipeline.align import Alignment
from pipeline.cases.table import Status
from pipeline.flags import Flag
from pipeline.inspection import Inspection
from pipeline.pairing import Pair


@dataclass(frozen=True, eq=False)
class Looked:
    """One pair that was looked at. already: known before, nothing was computed."""

    pair: Pair
    inspection: Inspection
    already: bool = False
    new: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Refused:
    """One pair that could not be compared, and why."""

    pair: Pair
    error: GengXunError

    @property
    def text(self) -> Text:
        return {lang: tr(self.error.msgid, lang, **self.error.fields) for lang in LANGUAGES}


def notes(pair: Pair, alignment: Alignment, layers: LayersOnDay, laid: Laid, flags: list[Flag]) -> list[Text]:
    """What to look at before trusting the result, and what to do next."""
    found: list[Text] = list(layers.warnings)
    if pair.before.quality_codes is None or pair.after.quality_codes is None:
        found.append(both("Quality unknown: a scene of the pair has no quality band; clouds may be flagged."))
    if alignment.state == "not_measurable":
        found.append(both("Alignment not measurable: too little texture in common; nothing was moved."))
    if Kind.FARMLAND not in layers.parts:
        found.append(both("No FARMLAND layer is held, so nothing can be flagged; next: gengxun layer add FARMLAND …"))
    elif laid.farmland.farmland_m2 == 0:
        found.append(both("No farmland lies under this pair; check the layer's place and the scenes' footprints."))
    elif not flags:
        found.append(
            both(
                "No flag: of {farmland} ha of farmland under the pair {seen} ha were seen on both dates;"
                " next: a clearer or later scene.",
                farmland=f"{laid.farmland.farmland_m2 / 10_000:,.2f}",
                seen=f"{laid.farmland.observed_m2 / 10_000:,.2f}",
            )
        )
    return found


def summary(looked: list[Looked], refused: list[Refused], extra: list[Text]) -> dict[str, Any]:
    """The document of ``inspect --json``; its funnel is the sum over the pairs.

    Raises: the error of the pair, where no pair at all could be compared.
    """
    if refused and not looked:
        raise refused[0].error
    steps: dict[str, dict[str, Any]] = {}
    for line in (line for one in looked for line in one.inspection.funnel):
        row = steps.setdefault(line.reason, {"reason": line.reason, "count": 0, "area_m2": 0.0})
        row["count"] += line.count
        row["area_m2"] = round(row["area_m2"] + line.area_m2, 2)
    fresh = [one for one in looked if not one.already]
    said = [*extra, *(note for one in fresh for note in one.inspection.notes), *(one.text for one in refused)]
    if not said and not looked:
        said.append(both("Nothing to do: every scene has been inspected; next: gengxun scene add …"))
    inspections = [one.inspection for one in looked]
    return {
        "pairs": [pair_json(one) for one in looked],
        "refused": [{**ids(one.pair), "text": dict(one.text)} for one in refused],
        "observed_farmland_m2": round(sum((i.observed_farmland_m2 for i in inspections), 0.0), 2),
        "farmland_m2": round(sum((i.farmland_m2 for i in inspections), 0.0), 2),
        "compared_m2": round(sum((i.compared_m2 for i in inspections), 0.0), 2),
        "funnel": list(steps.values()),
        "flags": [flag for i in inspections for flag in i.flags],
        "cases_new": [number for one in fresh for number in one.new],
        "cases_seen_again": [number for one in fresh for number in one.again],
        "cases_relapsed": [number for one in fresh for number in one.inspection.cases_relapsed],
        "notes": said,
    }


def visits(office: Workspace) -> dict[str, Any] | None:
    """What a week can check: {"week": checks, "suspected": cases, "within": numbers of the first, by what a visit is
    worth}; None where the office does not say how many it makes."""
    week = office.settings.case.visits_week
    if week < 1:
        return None
    first = office.ledger.rows(status=Status.SUSPECTED, limit=week)
    suspected = office.ledger.counts("status").get(Status.SUSPECTED, 0)
    return {"week": week, "suspected": suspected, "within": [row["number"] for row in first]}


def ids(pair: Pair) -> dict[str, Any]:
    return {
        "before_id": pair.before.id,
        "after_id": pair.after.id,
        "before_at": pair.before.acquired_at.isoformat(),
        "after_at": pair.after.acquired_at.isoformat(),
        "platform": pair.after.platform,
        "season": pair.season,
    }


def pair_json(one: Looked) -> dict[str, Any]:
    return {
        **ids(one.pair),
        "already": one.already,
        "run": one.inspection.run,
        "inspection": one.inspection.id,
        "method": one.inspection.method,
        "method_reason": one.inspection.detection.get("method_reason"),
        "flags": list(one.inspection.flags),
    }


def artifacts(inspection: Inspection, pair: Pair) -> None:
    """The run report in the flow engine (the page comes with ``publish``)."""
    lang, key = language(), inspection.run.lower()
    reason = inspection.detection.get("method_reason") or {}
    rows = [{"step": tr(s.reason), "count": s.count, "area_m2": s.area_m2} for s in inspection.funnel]
    create_table_artifact(key=f"{key}-funnel", table=rows)
    days = f"{day_of(pair.before.acquired_at)} → {day_of(pair.after.acquired_at)}"
    lines = [
        f"# {inspection.run}",
        f"{days}, {inspection.method} {inspection.method_version} {reason.get(lang, '')}".strip(),
        tr(
            "farmland seen: {seen} of {all} ha",
            seen=f"{inspection.observed_farmland_m2 / 1e4:,.2f}",
            all=f"{inspection.farmland_m2 / 1e4:,.2f}",
        ),
        *(f"- {note[lang]}" for note in inspection.notes),
    ]
    create_markdown_artifact(key=key, markdown="\n\n".join(lines))


def say(text: str) -> None:
    print(text, file=sys.stderr)
