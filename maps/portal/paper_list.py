"""文书与证据 of a case: papers and photos that are held, what a closing still misses, and which papers of the
proceeding may not be made yet, with what they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from geodata.words import Text, both
from pipeline.cases import beside, proceeding
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Kind
from pipeline.cases.facts import VIOLATION
from pipeline.cases.given import papers
from pipeline.cases.procedure import IN_FORCE, TABLE, Proceeding, State, Step
from pipeline.cases.proceeding_conditions import reviews_needed
from pipeline.cases.proceeding_law import proceeding_law, words
from pipeline.cases.standards import Standards
from pipeline.cases.table import Status, step_name

USUAL: tuple[Step, ...] = (
    Step.FILE, Step.INVESTIGATE, Step.REPORT, Step.LEGAL_REVIEW, Step.NOTIFY, Step.DECIDE, Step.SERVE, Step.CLOSE,
)  # fmt: skip
"""The usual way of a proceeding; the legal review only where one is required."""
REACHED: Mapping[State, int] = {
    State.FILED: 1,
    State.INVESTIGATING: 2,
    State.INVESTIGATED: 3,
    State.NOTIFIED: 5,
    State.HEARING: 5,
    State.DECIDED: 6,
    **dict.fromkeys(IN_FORCE, 7),
}
"""How many of the usual steps lie behind a state."""
HALTED: Mapping[State, Step] = {State.SUSPENDED: Step.RESUME, State.ON_HOLD: Step.RELEASE}


@dataclass(frozen=True)
class Held:
    """sha256: of the file. name: of a paper; of a photo its day only."""

    sha256: str
    name: Text
    at: datetime


@dataclass(frozen=True)
class Locked:
    """A paper that may not be made now, and what it waits for."""

    name: Text
    why: Text


@dataclass(frozen=True)
class Papers:
    """missing: what the closing that was ordered asks for and nobody has given yet; it may be given now."""

    papers: tuple[Held, ...]
    photos: tuple[Held, ...]
    missing: tuple[Text, ...]
    locked: tuple[Locked, ...]


def papers_of(case: Case, parts: Sequence[Part], rules: Standards, today: date) -> Papers:
    """Of these parts. What is missing or locked is told of one part only: each has steps of its own."""
    known = papers(rules)
    items = [item for part in parts for item in part.evidence]
    items.sort(key=lambda item: (str(item["received_at"]), item["seq"]))
    seen: set[str] = set()
    found: dict[str, list[Held]] = {"document": [], "photo": []}
    for item in items:
        if item["sha256"] in seen or item["kind"] not in found:
            continue
        seen.add(item["sha256"])
        title = str(item.get("title") or "")
        name = known.get(title) or (both("photo") if item["kind"] == "photo" else {"zh": title, "en": title})
        found[item["kind"]].append(Held(item["sha256"], name, datetime.fromisoformat(item["received_at"])))
    one = parts[0] if len(parts) == 1 else None
    return Papers(
        papers=tuple(found["document"]),
        photos=tuple(found["photo"]),
        missing=tuple(_missing(one, rules)) if one else (),
        locked=tuple(_once(_locked(case, one, today))) if one else (),
    )


def _missing(part: Part, rules: Standards) -> Iterator[Text]:
    rule = rules.closings.get(str((part.order or {}).get("rectification")))
    if rule is None or part.status not in (Status.RECTIFYING, Status.REPORTED):
        return
    held = {item["title"] for item in part.evidence_now if item["kind"] == "document"}
    for key in rule.documents:
        if key not in held:
            yield rule.document_names.get(key, {"zh": key, "en": key})


def _locked(case: Case, part: Part, today: date) -> Iterator[Locked]:
    """By the table of the proceeding: what cannot be taken now waits for the first usual step before it."""
    if not part.proceedings:
        yield from _unopened(part)
        return
    state = part.proceedings[max(part.proceedings)]
    at = state.back_to if state.state in HALTED and state.back_to else state.state
    if at not in REACHED:
        return
    names = words("proceeding")
    now = {one.step: one.missing for one in proceeding.possible(state, None, beside.facts(case, part), on=today)}
    for n in range(REACHED[at], len(USUAL)):
        step = USUAL[n]
        if (step in now and now[step] is None) or not _ahead(state, step, REACHED[at]):
            continue
        before = next((s for s in USUAL[:n] if _ahead(state, s, REACHED[at])), None)
        if state.state in HALTED:
            before = HALTED[state.state]
        why = _waits(names.of("steps", before)) if before else now.get(step)
        for key in TABLE[step].papers if why else ():
            yield Locked(names.of("papers", key), why or {})


def _once(found: Iterator[Locked]) -> Iterator[Locked]:
    """A proof of service goes with several steps; the first of them tells what it waits for."""
    names = set()
    for one in found:
        if one.name["zh"] not in names:
            yield one
        names.add(one.name["zh"])


def _unopened(part: Part) -> Iterator[Locked]:
    names = words("proceeding")
    if part.status is Status.SUSPECTED:
        why, left = _waits(step_name(Kind.DISPATCHED)), USUAL
    elif part.status is Status.DISPATCHED:
        why, left = _waits(both("check on the ground")), USUAL
    elif part.status in (Status.RECTIFYING, Status.REPORTED) and (part.verdict or {}).get("verdict") == VIOLATION:
        why, left = _waits(names.of("steps", Step.FILE)), USUAL[1:]
    else:
        return
    for step in left:
        for key in TABLE[step].papers if step is not Step.LEGAL_REVIEW else ():
            yield Locked(names.of("papers", key), why)


def _ahead(state: Proceeding, step: Step, reached: int) -> bool:
    """A legal review may come after the notice; it counts where it is required and has not passed."""
    if step is not Step.LEGAL_REVIEW:
        return USUAL.index(step) >= reached
    needed = reviews_needed(state, proceeding_law(state.filed_on))
    return reached < REACHED[State.DECIDED] and bool(needed) and state.review != "passed"


def _waits(name: Text) -> Text:
    return both("waits for: {step}", step=name)
