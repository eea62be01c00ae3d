"""The story of one case in a screenful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from geodata.area import mu
from geodata.days import BEIJING
from geodata.words import Text, both, language, tr
from pipeline.cases import transfer
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Kind
from pipeline.cases.given import papers
from pipeline.cases.proceeding_law import words
from pipeline.cases.rules import OUTCOMES
from pipeline.cases.standards import Standards
from pipeline.cases.table import role_name, step_name
from pipeline.clues import source_name
from pipeline.reminders import due_name
from pipeline.triage import kind_name


def lines(found: Mapping[str, Any], rules: Standards) -> Iterator[str]:
    """The document in lines for a person."""
    yield "  ".join((found["number"], tr(found["status"]), kind_name(found["kind"])[language()],
                     tr("relapses {n}", n=found["relapses"]) if found["relapses"] else "")).rstrip()  # fmt: skip
    place = "".join((found["district_name"], found["township_name"], found["village_name"]))
    yield f"{place}  {found['lon']:.6f}, {found['lat']:.6f}"
    yield tr("patch {patch} m², farmland {farmland} m² ({mu} mu)", patch=f"{found['patch_m2']:,.2f}",
             farmland=f"{found['farmland_gross_m2']:,.2f}", mu=f"{mu(found['farmland_gross_m2']):.2f}")  # fmt: skip
    seen = sorted({f["after_at"][:10] for f in found["flags"] if f["change"]["after_id"] and f["after_at"]})
    if seen:
        yield tr("source: imagery of {days}", days=", ".join(seen))
    for source in found["sources"]:
        yield tr("source: {source} {batch}, clue {id}", source=source_name(source["source"]), batch=source["batch"],
                 id=source["clue_id"])  # fmt: skip
    for reason in found["reasons"][language()]:
        yield f"- {reason}"
    for doubt in found["doubts"][language()]:
        yield f"? {doubt}"
    looks = found["looks"]
    if sum(looks.values()):
        yield tr(
            "looked at in {n} further scenes: {agrees} agree, {unclear} cannot tell", n=sum(looks.values()), **looks
        )
    if found["withdrawn"]:
        yield tr("withdrawn by the scene of {day}: {text}", day=found["withdrawn"]["at"][:10],
                 text=found["withdrawn"]["text"][language()])  # fmt: skip
    elif found["dismissed_because"]:
        yield tr("dismissed: {reason}", reason=found["dismissed_because"])
    for part in found["parts"]:
        yield from _part_lines(found["number"], part, rules)
    for kept in found["supplements"]:
        yield _kept_line(kept)
    yield ""
    for group in _grouped(found["events"]):
        yield _event_line(group, rules)


def _part_lines(number: str, part: Mapping[str, Any], rules: Standards) -> Iterator[str]:
    split = bool(part["id"])
    head = [f"{number}_{part['id']}  {tr(part['status'])}  {mu(part['patch_m2']):.2f} 亩"] if split else []
    if part["assignee"]:
        head.append(tr("assigned to {name}", name=part["assignee"]))
    if part["due"]:
        head.append(_due_line(part, rules))
    if head:
        yield "  ".join(head)
    if part["verdict_given"]:
        yield "  " + _verdict_line(part["verdict_given"], rules)
    if part["order"]:
        rule = rules.closings.get(part["order"]["rectification"])
        name = rule.name if rule else part["order"]["rectification"]
        yield "  " + tr("ordered: {how}", how=name)
    for item in part["rechecks"]:
        said = item["recheck"]
        yield f"  {said['at'][:10]}  {said['text'][language()]}"
    for gate in part["gates"]:
        mark = {True: "✓", False: "✗", None: "–"}[gate["met"]]
        yield f"  {mark} {gate['name'][language()]}: {gate['value'][language()]}"
    if part["closing"]:
        over = tr(" (closed by overriding)") if part["closing"]["overridden"] else ""
        yield "  " + tr("outcome: {outcome}", outcome=tr(OUTCOMES[part["outcome"]])) + over
    yield from _beside(part)


def _kept_line(kept: Mapping[str, Any]) -> str:
    """A correction, or what came too late: whose, and what it says."""
    who = f"{kept['by']} ({role_name(kept['role'])[language()]})"
    if "corrects" in kept:
        return tr("correction of event {seq} by {who}: {text}", seq=kept["corrects"], who=who, text=kept["text"])
    late = kept["late"] if isinstance(kept["late"], Mapping) else {"text": kept["late"]}
    said = "，" if language() == "zh" else ", "
    shown = said.join(f"{key}={value}" for key, value in late.items() if value not in ("", None))
    kind = step_name(Kind(kept["kind"])) if kept["kind"] in set(Kind) else kept["kind"]
    if kept.get("waits"):
        photos = said.join(
            f"{tr(name)} {kept['waits'][shot]}" for shot, name in SHOT_NAMES.items() if shot in kept["waits"]
        )
        return tr("{kind} by {who} came before its photos ({photos}) and waited for them: {said}", kind=kind, who=who,
                  photos=photos, said=shown)  # fmt: skip
    return tr("supplement, {kind} by {who}: {said}", kind=kind, who=who, said=shown)


def _due_line(part: Mapping[str, Any], rules: Standards) -> str:
    due = part["due"]
    said = f"{due_name(due['what'], rules)[language()]}: {due['on']}" + (
        tr(" (provisional)") if due["provisional"] else ""
    )
    if part["paused_on"]:
        return said + tr(", paused since {day}", day=part["paused_on"])
    left = part["days_left"]
    return said + ", " + (tr("{n} days overdue", n=-left) if left < 0 else tr("{n} days left", n=left))


def _verdict_line(given: Mapping[str, Any], rules: Standards) -> str:
    rule = rules.verdicts.get(given["verdict"])
    name = rule.name[language()] if rule else given["verdict"]
    sub = rule.subs[given["sub"]][language()] if rule and given["sub"] in rule.subs else given["sub"]
    said = [given[key] for key in ("party", "text") if given.get(key)]
    return "  ".join((tr("verdict: {name}", name=name), *([sub] if sub else []), *said, given["by"]))


def _beside(part: Mapping[str, Any]) -> Iterator[str]:
    law = words("proceeding")
    for one in part["proceedings"]:
        number = f" {one['number']}" if one["number"] else ""
        yield "  " + tr("proceeding {id}{number}: {state}, filed {day}", id=one["id"], number=number,
                        state=law.of("states", one["state"]), day=one["filed_on"])  # fmt: skip
        yield from _running_lines(one["running"])
    for one in part["transfers"]:
        yield "  " + tr(
            "transfer to {to}: {state}", to=transfer.receiver_name(one["to"]), state=transfer.state_name(one["state"])
        )
        yield from _running_lines(one["running"])
    for item in part["leniency"][-1:]:
        for holds, said in ((True, tr("holds")), (False, tr("does not hold")), (None, tr("not known"))):
            facts = [fact for fact in item["facts"] if fact["holds"] is holds]
            if facts:
                articles = [f" ({_text(fact['article'])})" if holds else "" for fact in facts]
                names = [fact["name"][language()] + article for fact, article in zip(facts, articles, strict=True)]
                yield f"  {said}: {'；'.join(names)}"


def _running_lines(limits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for limit in limits:
        left = limit["days_left"]
        said = (
            tr("paused") if left is None
            else tr("{n} days overdue", n=-left) if left < 0 else tr("{n} days left", n=left)
        )  # fmt: skip
        provisional = tr(" (provisional)") if limit["provisional"] else ""
        yield f"    {_text(limit['name'])}: {limit['day']}{provisional}, {said}"


def _text(said: Text | str) -> str:
    return said if isinstance(said, str) else said[language()]


def _grouped(events: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Files that one person brought one after the other are one line."""
    for (kind, *_), group in groupby(events, lambda e: (e["kind"], e["by"], e["part"], e["at"][:10])):
        if kind == Kind.EVIDENCE:
            yield list(group)
        else:
            yield from ([event] for event in group)


def _event_line(group: Sequence[Mapping[str, Any]], rules: Standards) -> str:
    event = group[0]
    at = datetime.fromisoformat(event["at"]).astimezone(BEIJING)
    part = f"_{event['part']}" if event["part"] else ""
    words_told = dict.fromkeys(word for one in group for word in _told(one, rules))
    count = f" × {len(group)}" if len(group) > 1 else ""
    name = step_name(Kind(event["kind"]))[language()]
    who = f"{event['by']} ({role_name(event['role'])[language()]})"
    return f"{event['seq']:>6}  {at:%Y-%m-%d %H:%M}  {name}{part}{count}  {who}  {'  '.join(words_told)}".rstrip()


def _told(event: Mapping[str, Any], rules: Standards) -> Iterator[str]:
    """What an event said, keys by their names."""
    told: Mapping[str, Any] = event["told"]
    verdict = rules.verdicts.get(str(told.get("verdict")))
    law = words("transfer" if event["kind"] == Kind.TRANSFER else "proceeding")
    names: dict[str, Mapping[str, Text]] = {
        "verdict": {verdict.key: verdict.name} if verdict else {},
        "sub": verdict.subs if verdict else {},
        "rectification": {key: rule.name for key, rule in rules.closings.items()},
        "step": law.steps,
        "title": papers(rules),
        "shot": {key: both(name) for key, name in SHOT_NAMES.items()},
        "outcome": {key: both(name) for key, name in OUTCOMES.items()},
    }
    for key, value in told.items():
        if value == "" or (key == "outcome" and "verdict" in told):
            continue
        name = names.get(key, {}).get(str(value))
        yield str(value) if name is None else name[language()]
