"""What a step must bring, beyond the table: ``decide`` completes its payload or refuses it with a sentence.

Pure. Rules of the day come in as ``World.standards``; what they said is written into the payload, so
that ``case.evolve`` needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import shapely
from shapely.geometry import shape

from geodata.area import M2_PER_MU, mu
from geodata.words import Text, both
from pipeline import recheck as rechecks
from pipeline.cases import closing, evidence, leniency, proceeding, transfer
from pipeline.cases.case import AREAS, Case, Part, scenes_that_saw
from pipeline.cases.events import Actor, Kind, Role
from pipeline.cases.facts import Facts, Reader, day_of
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rows import basic_m2
from pipeline.cases.standards import Standards
from pipeline.cases.table import NEXT, WHOLE, Status, Step, role_name, step_name
from pipeline.cases.workdays import Due
from pipeline.plain import to_plain

SPLIT_TOLERANCE_M2 = 0.01 * M2_PER_MU
"""The identity of the areas holds to 0.01 亩 (domain: verification form)."""


@dataclass(frozen=True, eq=False)
class World:
    """What a step is judged by beside the case. at: now, never before the case's last event.

    elsewhere: {sha256: other cases that hold the same bytes}. earlier: acts of the same party in other
    cases, (number, at, basic farmland m², farmland m², status); None where no party is known.
    """

    at: datetime
    standards: Standards
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)
    earlier: Sequence[tuple[str, datetime, float, float, str]] | None = None

    @property
    def today(self) -> date:
        return day_of(self.at)


def decide(case: Case, kind: Kind, payload: Mapping[str, Any], by: Actor, world: World) -> dict[str, Any]:
    """The payload of the event, complete. Raises: StepRefused with what is missing.

    payload: as given, "part" (id, left out: the only one) among it.
    """
    part = None if kind in WHOLE else _part(case, kind, payload)
    status = case.status if part is None else part.status
    step = _step(case, status, kind, by)
    for name in step.needs:
        if payload.get(name) in (None, "", [], {}):
            raise StepRefused(
                "{number}: {kind} needs {name}; give {name}=…", number=case.number, kind=step_name(kind), name=name
            )
    whole = {"part": "" if part is None else part.id}
    own = ("to", "due") if step.to else ("due",)
    given = {k: v for k, v in payload.items() if k not in own} | whole
    done = _COMPLETE.get(kind, _as_given)(_Asked(case, part or case.parts[0], dict(payload), given, by, world))
    if len(step.to) == 1:
        done["to"] = step.to[0].value
    return done


@dataclass(frozen=True)
class Possible:
    """A step of the table from where a part stands. roles: who may. needs: fields to give."""

    kind: Kind
    roles: tuple[Role, ...]
    needs: tuple[str, ...]
    to: tuple[Status, ...]


def possible(case: Case, part: Part, role: str | None = None) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all; proof is asked for when one is taken."""
    found = []
    for (status, kind), step in NEXT.items():
        here = case.status if kind in WHOLE else part.status
        if status is here and (role is None or role in {r.value for r in step.roles}):
            found.append(Possible(kind, tuple(sorted(step.roles)), step.needs, step.to))
    return sorted(found, key=lambda one: list(Kind).index(one.kind))


def found(kind: Kind, payload: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    """The payload of an event that founds a case."""
    if (None, kind) not in NEXT or Role(by.role) not in NEXT[None, kind].roles:
        raise StepRefused("No case begins with {kind} by {role}.", kind=kind.value, role=by.role)
    return dict(payload)


def _part(case: Case, kind: Kind, payload: Mapping[str, Any]) -> Part | None:
    named = str(payload.get("part") or "")
    if kind in (Kind.EVIDENCE, Kind.DATED, Kind.SUPPLEMENT) and not named:
        return None
    if not named and len(case.parts) > 1:
        raise StepRefused(
            "{number}: is split; say with --part which of {parts} {kind} is of.",
            number=case.number,
            parts=", ".join(part.id for part in case.parts),
            kind=step_name(kind),
        )
    return case.part(named) if named else case.parts[0]


def _step(case: Case, status: Status, kind: Kind, by: Actor) -> Step:
    step = NEXT.get((status, kind))
    if step is None:
        raise StepRefused(
            "{number}: stands at {status}, where {kind} is no step; possible are {possible}.",
            number=case.number,
            status=both(status.value),
            kind=step_name(kind),
            possible=_listed(step_name(k) for (s, k) in NEXT if s is status),
        )
    if by.role not in {r.value for r in step.roles}:
        raise StepRefused(
            "{number}: {kind} is not for the role {role}; it is for {roles}.",
            number=case.number,
            kind=step_name(kind),
            role=role_name(by.role),
            roles=_listed(role_name(role) for role in sorted(step.roles)),
        )
    return step


def _listed(names: Iterable[Text]) -> Text:
    words = list(names)
    return {"zh": "、".join(w["zh"] for w in words), "en": ", ".join(w["en"] for w in words)}


@dataclass(frozen=True)
class _Asked:
    """One step as it was asked for. raw: as given; payload: without what only ``decide`` may say."""

    case: Case
    part: Part
    raw: dict[str, Any]
    payload: dict[str, Any]
    by: Actor
    world: World

    def refuse(self, msgid: str, **fields: object) -> StepRefused:
        return StepRefused(msgid, number=self.case.number + (f"_{self.part.id}" if self.part.id else ""), **fields)

    def day(self, name: str) -> date | None:
        reader = Reader({"zh": name, "en": name}, self.raw)
        return reader.day(name) if reader.has(name) else None

    def due(self, what: str, given: date | None = None) -> dict[str, Any] | None:
        """The last day for ``what``: as given, else by the deadline of that key; None where there is none."""
        today = self.world.today
        if given is not None:
            if given <= today:
                raise self.refuse("{number}: the last day {day} is not after today; give a later one.", day=given)
            return {"what": what, "on": given.isoformat(), "provisional": False, "from": today.isoformat()}
        rule = self.world.standards.deadlines.get(what)
        if rule is None:
            return None
        return due_json(what, today, rule.due(today, self.world.standards.calendar), rule.roll)


def due_json(what: str, start: date, due: Due, roll: bool) -> dict[str, Any]:
    return {
        "what": what,
        "on": due.day.isoformat(),
        "provisional": due.provisional,
        "from": start.isoformat(),
        "n": due.n,
        "unit": due.unit,
        "roll": roll,
    }


def _as_given(asked: _Asked) -> dict[str, Any]:
    return asked.payload


# 发现


def _dispatched(asked: _Asked) -> dict[str, Any]:
    """Only what is confirmed is worth a visit: by a second scene, a clue from outside, or a person who says why."""
    case = asked.case
    if len(scenes_that_saw(case)) > 1:
        confirmed = "imagery"
    elif case.clues:
        confirmed = "clue"
    elif asked.payload.get("reason"):
        confirmed = "person"
    else:
        raise asked.refuse(
            "{number}: one scene alone has seen it; wait for a second clear one,"
            " or say with reason=… why it is worth a visit."
        )
    return {**asked.payload, "confirmed_by": confirmed, "due": asked.due("check", asked.day("due_on"))}


def _postponed(asked: _Asked) -> dict[str, Any]:
    again = asked.day("again_on")
    if again is None or again <= asked.world.today:
        raise asked.refuse("{number}: again_on {day} is not after today; give the next day.", day=again)
    return {**asked.payload, "again_on": again.isoformat()}


def _evidence(asked: _Asked) -> dict[str, Any]:
    """The facts read from the file, and what they say against the ground: told, never a reason to refuse."""
    item = evidence.from_json(asked.payload)
    judged = _judged(asked, item)
    findings = [to_plain(finding) for finding in judged.findings]
    return {**asked.payload, **evidence.to_json(item), "in_place": judged.in_place, "findings": findings}


def _judged(asked: _Asked, item: evidence.Evidence) -> evidence.Judged:
    unchanged = [flag["before_at"] for flag in asked.case.flags if flag.get("before_at")]
    return evidence.judge(
        item,
        asked.part.geometry if asked.payload.get("part") or len(asked.case.parts) == 1 else asked.case.geometry,
        change_after=datetime.fromisoformat(max(unchanged)) if unchanged else None,
        used_in=asked.world.elsewhere.get(item.sha256, ()),
    )


def _split(asked: _Asked) -> dict[str, Any]:
    """parts: [{"occupied": overlay.Occupied as JSON}, …]; ids are given here and never again."""
    parts = asked.payload["parts"]
    if asked.part.proceedings or asked.part.transfers:
        raise asked.refuse("{number}: a proceeding or transfer is of the whole; split before it is opened.")
    if not isinstance(parts, list) or len(parts) < 2:
        raise asked.refuse("{number}: a split needs two parts or more.")
    first = 1 + asked.case.split
    children = [{"id": str(first + n), "occupied": part["occupied"]} for n, part in enumerate(parts)]
    for name in AREAS:
        before, after = asked.part.ground[name], sum(c["occupied"][name] for c in children)
        if abs(before - after) > SPLIT_TOLERANCE_M2:
            raise asked.refuse(
                "{number}: {area} is {before} mu before the split and {after} mu after it;"
                " the parts must cover the same ground.",
                area=both(name),
                before=f"{mu(before):.3f}",
                after=f"{mu(after):.3f}",
            )
    shapes = [shape(c["occupied"]["geometry"]) for c in children]
    least = min(s.area for s in shapes)
    if any(shapely.area(shapely.intersection(a, b)) > 1e-3 * least for n, a in enumerate(shapes) for b in shapes[:n]):
        raise asked.refuse("{number}: two parts of the split lie over one another; cut them apart.")
    return {**asked.payload, "parts": children}


def _verdict(asked: _Asked) -> dict[str, Any]:
    standards, payload = asked.world.standards, asked.payload
    rule = standards.verdicts.get(str(payload["verdict"]))
    if rule is None:
        raise asked.refuse(
            "{number}: {verdict} is no verdict; known are {known}.",
            verdict=payload["verdict"],
            known=", ".join(standards.verdicts),
        )
    wrong = rule.wrong(payload)
    if wrong is not None:
        raise asked.refuse("{number}: {wrong}", wrong=wrong)
    _photos(asked, rule.photos, rule.name)
    checked = asked.day("checked_on") or asked.world.today
    if checked > asked.world.today:
        raise asked.refuse("{number}: checked_on {day} lies in the future.", day=checked)
    accept = rule.leads_to == "accept"
    return {
        **payload,
        "sub": str(payload.get("sub") or ""),
        "checked_on": checked.isoformat(),
        "leads_to": rule.leads_to,
        "outcome": rule.outcome,
        "standard": {"valid_from": rule.valid_from.isoformat(), "source": rule.source, "digest": standards.digest},
        "farmland_gross_m2": asked.part.ground["farmland_gross_m2"],
        "basic_farmland_m2": basic_m2(asked.part.ground),
        "to": (Status.REPORTED if accept else Status.RECTIFYING).value,
        "due": asked.due("accept" if accept else "rectify"),
    }


def _photos(asked: _Asked, wanted: Mapping[str, int], of: Text) -> None:
    held: dict[str, int] = {}
    for item in asked.part.evidence:
        if item["kind"] == "photo":
            held[item["shot"]] = held.get(item["shot"], 0) + 1
    for shot, least in wanted.items():
        if held.get(shot, 0) < least:
            raise asked.refuse(
                "{number}: {of} needs {least} photos of the kind {shot}; there are {held}.",
                of=of,
                least=least,
                shot=both(closing.SHOT_NAMES[shot]),
                held=held.get(shot, 0),
            )


# 整改


def _closing_rule(asked: _Asked, key: object) -> closing.ClosingRule:
    rule = asked.world.standards.closings.get(str(key))
    if rule is None:
        raise asked.refuse(
            "{number}: {key} is no kind of rectification; known are {known}.",
            key=key,
            known=", ".join(asked.world.standards.closings),
        )
    return rule


def _ordered(asked: _Asked) -> dict[str, Any]:
    _closing_rule(asked, asked.payload["rectification"])
    return {**asked.payload, "due": asked.due("rectify", asked.day("due_on"))}


def _extended(asked: _Asked) -> dict[str, Any]:
    due, until = asked.part.due, asked.day("due_on")
    if due is None:
        raise asked.refuse("{number}: nothing is due, so that nothing can be extended.")
    if until is None or until.isoformat() <= due["on"]:
        raise asked.refuse("{number}: due_on must be after the present last day {day}.", day=due["on"])
    return {**asked.payload, "due": {**due, "on": until.isoformat(), "provisional": False, "extended_from": due["on"]}}


def _paused(asked: _Asked) -> dict[str, Any]:
    if asked.part.paused_on:
        raise asked.refuse("{number}: is paused since {day}.", day=asked.part.paused_on)
    return {**asked.payload, "on": (asked.day("on") or asked.world.today).isoformat()}


def _resumed(asked: _Asked) -> dict[str, Any]:
    part = asked.part
    if not part.paused_on:
        raise asked.refuse("{number}: is not paused.")
    away = asked.world.today - date.fromisoformat(part.paused_on)
    due = part.due and {**part.due, "on": (date.fromisoformat(part.due["on"]) + max(away, timedelta())).isoformat()}
    return {**asked.payload, "paused_days": away.days, "due": due}


def _due_set(asked: _Asked) -> dict[str, Any]:
    due = asked.raw["due"]
    if not isinstance(due, Mapping) or {"what", "on"} - set(due):
        raise asked.refuse("{number}: due must hold what and on.")
    return {**asked.payload, "due": dict(due)}


def _reported(asked: _Asked) -> dict[str, Any]:
    """What was ordered is what is reported: who reports cannot choose an easier closing."""
    ordered = (asked.part.order or {}).get("rectification")
    if not ordered:
        raise asked.refuse("{number}: no order says yet how it is to be put right; record the order first.")
    _closing_rule(asked, ordered)
    said = asked.payload.get("rectification")
    if said and said != ordered:
        raise asked.refuse("{number}: {ordered} was ordered, {said} is reported; order it anew or report that.",
                           ordered=ordered, said=said)  # fmt: skip
    return {**asked.payload, "rectification": ordered, "due": asked.due("accept")}


def _rechecked(asked: _Asked) -> dict[str, Any]:
    rechecks.from_json(asked.payload["recheck"])
    return asked.payload


def _returned(asked: _Asked) -> dict[str, Any]:
    if _did(asked):
        raise asked.refuse("{number}: {name} did or reported it; a second person must judge it.", name=asked.by.name)
    again = (
        asked.part.status is Status.RECTIFYING
        or (asked.part.verdict or {}).get("leads_to") == "accept"
        or asked.raw.get("to") == Status.DISPATCHED
    )
    what = "check" if again else "rectify"
    to = Status.DISPATCHED if again else Status.RECTIFYING
    return {**asked.payload, "to": to.value, "due": asked.due(what, asked.day("due_on"))}


def _did(asked: _Asked) -> bool:
    """Whether who asks is one of those who checked, ruled or reported."""
    return closing.person(asked.by.name) in {closing.person(name) for name in asked.part.doers}


# 销号


def gates(case: Case, part: Part, world: World, by: str | None) -> tuple[closing.Gate, ...]:
    """The gates that a closing of this part must pass, each with what was measured; by: who would accept."""
    return _gates(_Asked(case, part, {}, {"part": part.id}, Actor(by or "", ""), world), by)


def _gates(asked: _Asked, by: str | None) -> tuple[closing.Gate, ...]:
    part = asked.part
    judged = [_judged(asked, evidence.from_json(item)) for item in part.evidence]
    documents = {item["title"] for item in part.evidence if item["kind"] == "document"}
    told = part.report or part.verdict or {}
    return closing.gates(
        _rule_of(asked),
        reported_at=datetime.fromisoformat(told["at"]) if "at" in told else None,
        photos=[one for one in judged if one.evidence.kind == "photo"],
        rechecks=[rechecks.from_json(item["recheck"]) for item in part.rechecks],
        documents=documents,
        reporter=told.get("by"),
        doers=part.doers,
        by=by,
        scenes={item["recheck"]["scene_id"]: item["scene"] for item in part.rechecks if "scene" in item},
    )


def _rule_of(asked: _Asked) -> closing.ClosingRule:
    verdict = asked.part.verdict or {}
    if asked.part.report is not None:
        return _closing_rule(asked, asked.part.report["rectification"])
    rule = asked.world.standards.verdicts[verdict["verdict"]]
    return closing.ClosingRule(
        key=rule.key,
        name=rule.name,
        photos=rule.photos,
        photo_in_place=False,
        clear_scenes=0,
        flights=0,
        documents=(),
        residue_m2=0.0,
        outcome=rule.outcome,
        valid_from=rule.valid_from,
        source=rule.source,
    )


def _accepted(asked: _Asked) -> dict[str, Any]:
    shown = _gates(asked, asked.by.name)
    missing = closing.refusal(shown)
    override = str(asked.payload.get("override") or "").strip()
    if _did(asked):
        raise asked.refuse("{number}: {name} did or reported it; a second person must accept.", name=asked.by.name)
    if missing is not None and not (override and asked.by.role == Role.LEADER):
        if override:
            raise asked.refuse("{number}: only a leader may close against the gates.")
        raise asked.refuse("{number}: {missing}", missing=missing)
    rule, verdict = _rule_of(asked), asked.part.verdict or {}
    return {
        **asked.payload,
        "gates": [to_plain(gate) for gate in shown],
        "outcome": rule.outcome if asked.part.report is not None else verdict["outcome"],
        "overridden": missing is not None,
        "standard": {
            "key": rule.key,
            "valid_from": rule.valid_from.isoformat(),
            "source": rule.source,
            "digest": asked.world.standards.digest,
        },
    }


def _opened_again(asked: _Asked) -> dict[str, Any]:
    return {**asked.payload, "due": asked.due("check")}


# beside the loop


def facts(case: Case, part: Part) -> Facts:
    """What proceeding, transfer and leniency need to know of the part."""
    ground, verdict = part.ground, part.verdict or {}
    due = (part.due or {}).get("on")
    reported = (part.report or {}).get("at")
    return Facts(
        ground_checked=part.verdict is not None,
        verdict=verdict.get("verdict"),
        party=verdict.get("party"),
        basic_farmland_m2=basic_m2(ground),
        farmland_m2=ground["farmland_gross_m2"],
        patch_m2=ground["patch_m2"],
        ordered=part.order is not None,
        corrected_at=datetime.fromisoformat(reported) if reported else None,
        due_at=date.fromisoformat(due) if due else None,
        checked_at=datetime.fromisoformat(verdict["at"]) if verdict else None,
        papers=tuple(sorted({item["title"] for item in part.evidence if item["kind"] == "document"})),
    )


def _proceeding(asked: _Asked) -> dict[str, Any]:
    id = str(asked.payload.get("proceeding") or max(asked.part.proceedings, default="1"))
    known = facts(asked.case, asked.part)
    given = {**({"party": known.party} if known.party else {}), **asked.payload, "proceeding": id}
    done = proceeding.decide(
        asked.part.proceedings.get(id),
        str(asked.payload["step"]),
        given,
        at=asked.world.at,
        by=asked.by,
        facts=known,
        standards=asked.world.standards,
    )
    return {**done, "part": asked.part.id, "proceeding": id}


def _transfer(asked: _Asked) -> dict[str, Any]:
    id = str(asked.payload.get("transfer") or asked.payload.get("to") or max(asked.part.transfers, default="1"))
    known, state = facts(asked.case, asked.part), asked.part.transfers.get(id)
    done = transfer.decide(
        state,
        str(asked.payload["step"]),
        {**asked.payload, "transfer": id},
        at=asked.world.at,
        by=asked.by,
        facts=known,
        standards=asked.world.standards,
    )
    if state is None:
        done["assessment"] = to_plain(assessed(known, asked.world))
    return {**done, "part": asked.part.id, "transfer": id}


def assessed(known: Facts, world: World) -> transfer.Assessment:
    """The areas against the thresholds of criminal law, with what the same party did within a year."""
    ended = (Status.CLOSED, Status.DISMISSED)  # what was dealt with adds nothing to a later act
    earlier = [(at, basic, farm) for _, at, basic, farm, status in world.earlier or () if status not in ended]
    return transfer.assess(known.basic_farmland_m2, known.farmland_m2, earlier, day=world.today)


def _leniency(asked: _Asked) -> dict[str, Any]:
    earlier = asked.world.earlier
    acts = None if earlier is None else [leniency.EarlierAct(n, day_of(at), status) for n, at, _, _, status in earlier]
    shown = leniency.facts(
        facts(asked.case, asked.part),
        acts,
        day=asked.world.today,
        construction=asked.payload.get("construction"),
        harm=asked.payload.get("harm"),
    )
    return {**asked.payload, "facts": leniency.to_json(shown)}


def _corrected(asked: _Asked) -> dict[str, Any]:
    try:
        return {**asked.payload, "corrects": int(asked.payload["corrects"])}
    except (TypeError, ValueError):
        said = asked.payload["corrects"]
        raise asked.refuse("{number}: corrects={said} is no number of an event.", said=said) from None


_COMPLETE: Mapping[Kind, Callable[[_Asked], dict[str, Any]]] = {
    Kind.DISPATCHED: _dispatched,
    Kind.POSTPONED: _postponed,
    Kind.EVIDENCE: _evidence,
    Kind.SPLIT: _split,
    Kind.VERDICT: _verdict,
    Kind.ORDERED: _ordered,
    Kind.EXTENDED: _extended,
    Kind.PAUSED: _paused,
    Kind.RESUMED: _resumed,
    Kind.DUE_SET: _due_set,
    Kind.REPORTED: _reported,
    Kind.RECHECKED: _rechecked,
    Kind.RETURNED: _returned,
    Kind.ACCEPTED: _accepted,
    Kind.REOPENED: _opened_again,
    Kind.RELAPSED: _opened_again,
    Kind.PROCEEDING: _proceeding,
    Kind.TRANSFER: _transfer,
    Kind.LENIENCY: _leniency,
    Kind.CORRECTED: _corrected,
}
