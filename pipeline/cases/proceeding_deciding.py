"""Steps of a proceeding up to the decision: what each must bring, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from geodata.days import day_of
from pipeline.cases.closing import person
from pipeline.cases.procedure import Step
from pipeline.cases.proceeding_conditions import investigators
from pipeline.cases.proceeding_law import words
from pipeline.cases.proceeding_taking import Taking, penalties

PARTY_KINDS = ("person", "organisation")
_FRESH: dict[str, Any] = {
    "noticed": [], "noticed_fine_yuan": 0.0, "statement": "", "hearing": "", "hearing_on": None, "review": "",
    "discussed": False,
}  # fmt: skip
_UNDECIDED: dict[str, Any] = {
    "penalties": [], "fine_yuan": 0.0, "number": "", "decided_on": None, "served_on": None, "applied_on": None,
    "performed": [], "paid_yuan": 0.0,
}  # fmt: skip


def _file(t: Taking) -> None:
    r, by = t.read, t.s.by
    cause = t.s.law.causes[r.one_of("cause", t.s.law.causes)]
    approved = r.text("approved_by")
    if by is not None and by.role != "leader" and person(approved) == person(by.name):
        raise t.refuse("{step}: {name} cannot approve the own step; name the head who did.", name=approved)
    t.sets = {
        "party": r.text("party"),
        "party_kind": r.one_of("party_kind", PARTY_KINDS),
        "cause": cause.key,
        "authority": r.text("authority"),
        "filed_on": t.on.isoformat(),
    }
    r.read["cause_article"] = cause.article
    if r.has("act_ended_on"):
        last = t.last("limitation", t.past("act_ended_on"))
        if t.on > last:
            source = t.period("limitation").source
            raise t.refuse("{step}: the act is time-barred since {day} ({source}).", day=last, source=source)
    if t.s.facts.checked_at is not None:
        last = t.last("filing", day_of(t.s.facts.checked_at))
        if t.on > last:
            r.read["late_days"] = (t.on - last).days
    t.run("decision", t.on)


def _investigate(t: Taking) -> None:
    officers = t.read.names("officers")
    if len({person(name) for name in officers}) < 2:
        raise t.refuse("{step}: an investigation needs two officers; one is named.")
    t.sets["officers"] = list(officers)


def _preserve(t: Taking) -> None:
    t.read.names("items")
    t.read.text("approved_by")
    t.run("preservation", t.on)


def _preserve_decide(t: Taking) -> None:
    t.read.text("result")
    t.late("preservation", t.on)
    t.ends.append("preservation")


def _exclude(t: Taking) -> None:
    t.read.one_of("ground", ("appraisal", "hearing", "announcement"))
    began = t.past("from", t.now.filed_on)
    ended = t.past("to", began)
    for a, b in t.now.excluded:
        if began < b and a < ended:
            raise t.refuse("{step}: the days from {a} to {b} are left out already.", a=a, b=b)
    t.sets["excluded"] = [
        *([a.isoformat(), b.isoformat()] for a, b in t.now.excluded),
        [began.isoformat(), ended.isoformat()],
    ]
    t.move("decision", (ended - began).days)


def _extend(t: Taking) -> None:
    t.read.text("reason")
    last = t.s.due("decision")
    if last is None or t.on > last:
        raise t.refuse("{step}: the time for the decision is over since {day}.", day=last or "-")
    t.sets["extended"] = True
    t.run("decision_extension", last, "decision")


def _report(t: Taking) -> None:
    r = t.read
    said = {key: r.flag(key) for key in ("complex", "major", "public_interest")}
    t.sets = {
        "reviews_needed": [k for k in t.s.law.review_when if said.get(k)],
        "discussion_needed": any(said.get(k) for k in t.s.law.discussion_when),
        "review": "",
        "discussed": False,
    }


def _reinvestigate(t: Taking) -> None:
    t.read.text("reason")
    t.sets = {**_FRESH, **_UNDECIDED, "reviews_needed": [], "discussion_needed": False}
    t.ends += [k for k in t.now.dues if k not in ("decision", "withdraw_publication")]
    if "decision" not in t.now.dues:  # the first one was annulled: the time for the new one begins anew
        t.run("decision", t.on)


def _legal_review(t: Taking) -> None:
    opinion = t.read.one_of("opinion", ("pass", "return"))
    if opinion == "return":
        t.read.text("reason")
    t.sets["review"] = "passed" if opinion == "pass" else "returned"


def _notify(t: Taking) -> None:
    keys, fine = penalties(t)
    received = t.past("received_on", t.now.filed_on)
    large = t.s.law.large_yuan[t.now.party_kind]
    sums = {"fine": fine}
    if "confiscate_gain" in keys:
        sums["confiscate_gain"] = t.read.number("gain_yuan")
    why = [
        k for k in keys
        if (rule := t.s.law.penalties[k].hearing) == "always" or (rule == "large" and sums.get(k, 0.0) >= large)
    ]  # fmt: skip
    cause = t.s.law.causes[t.now.cause]
    if fine and cause.low is not None and cause.high is not None:
        of = t.s.facts.patch_m2 if cause.of == "patch_m2" else t.read.number(cause.of) if t.read.has(cause.of) else None
        t.read.read["fine_scale_yuan"] = None if of is None else [round(cause.low * of, 2), round(cause.high * of, 2)]
    t.read.read["hearing_required_by"] = why
    t.sets = {"noticed": keys, "noticed_fine_yuan": fine, "statement": "", "hearing": "required" if why else ""}
    if t.now.noticed:
        t.sets |= {"review": "", "discussed": False, "hearing_on": None}
        t.ends.append("hearing_request")
    t.run("statement", received)


def _statement(t: Taking) -> None:
    if t.read.flag("made"):
        t.read.text("content")
        if not t.read.flag("adopted"):
            t.read.text("reason")
        t.sets["statement"] = "made"
        return
    t.read.papers([("waiver", words("proceeding").of("papers", "waiver"))], t.s.facts.papers)
    t.sets["statement"] = "waived"
    t.ends.append("statement")


def _hearing_notice(t: Taking) -> None:
    t.run("hearing_request", t.past("received_on", t.now.filed_on))
    t.sets["hearing"] = "noticed"


def _hearing_request(t: Taking) -> None:
    day, last = t.past("requested_on", t.now.filed_on), t.s.due("hearing_request")
    if last is not None and day > last:
        t.read.read["late_days"] = (day - last).days
        if not t.read.has("late_reason"):
            raise t.refuse(
                "{step}: the time to ask for a hearing ended on {day}; a good reason admits it (late_reason=…).",
                day=last,
            )
        t.read.text("late_reason")
    t.sets["hearing"] = "requested"
    t.ends.append("hearing_request")


def _hearing_waive(t: Taking) -> None:
    t.read.text("reason")
    t.read.papers([("waiver", words("proceeding").of("papers", "waiver"))], t.s.facts.papers)
    t.sets |= {"hearing": "waived", "hearing_on": None}
    t.ends.append("hearing_request")


def _hearing_schedule(t: Taking) -> None:
    received, day = t.past("received_on", t.now.filed_on), t.read.day("hearing_on")
    first = t.last("hearing_notice", received)
    if day < first:
        raise t.refuse(
            "{step}: the party must know {n} working days before; the hearing may be held from {day}.",
            n=t.period("hearing_notice").n,
            day=first,
        )
    t.sets |= {"hearing": "scheduled", "hearing_on": day.isoformat()}


def _hearing_hold(t: Taking) -> None:
    host = t.read.text("host")
    if person(host) in investigators(t.now):
        raise t.refuse("{step}: {name} investigated this case and cannot take it; another person must.", name=host)
    t.sets |= {"hearing": "held", "review": ""}


def _discuss(t: Taking) -> None:
    if len({person(name) for name in t.read.names("members")}) < 2:
        raise t.refuse("{step}: a collective discussion needs two members or more.")
    t.read.text("conclusion")
    t.sets["discussed"] = True


def _decide(t: Taking) -> None:
    r = t.read
    number = r.text("number")
    noticed = {"penalties": list(t.now.noticed), "fine_yuan": t.now.noticed_fine_yuan}
    r.payload = {**noticed, **{k: v for k, v in r.payload.items() if v not in (None, "", [])}}
    keys, fine = penalties(t)
    beyond = [k for k in keys if k not in t.now.noticed]
    if beyond or fine > t.now.noticed_fine_yuan:
        raise t.refuse(
            "{step}: goes beyond the notice ({what}); give notice of it first.",
            what=", ".join(beyond) or f"{fine:g} > {t.now.noticed_fine_yuan:g}",
        )
    t.late("decision", t.on)
    t.sets = {"number": number, "penalties": keys, "fine_yuan": fine, "decided_on": t.on.isoformat()}
    t.ends += ["decision", "statement", "hearing_request"]
    t.run("service", t.on)


def _not_punish(t: Taking) -> None:
    ground = t.s.law.no_penalty[t.read.one_of("ground", t.s.law.no_penalty)]
    if ground.corrected and t.s.facts.corrected_at is None:
        raise t.refuse(
            "{step}: {ground} asks that the act was put right, and nothing says so; report the rectification first.",
            ground=ground.name,
        )
    if ground.education:
        t.read.papers([("education", words("proceeding").of("papers", "education"))], t.s.facts.papers)
    t.read.read["ground_article"] = ground.article
    t.late("decision", t.on)
    t.sets = {"number": t.read.text("number"), "decided_on": t.on.isoformat()}
    t.ends += [k for k in t.now.dues if k != "withdraw_publication"]
    t.run("service", t.on)


DECIDING: Mapping[Step, Callable[[Taking], None]] = {
    Step.FILE: _file,
    Step.INVESTIGATE: _investigate,
    Step.PRESERVE: _preserve,
    Step.PRESERVE_DECIDE: _preserve_decide,
    Step.EXCLUDE: _exclude,
    Step.EXTEND: _extend,
    Step.REPORT: _report,
    Step.REINVESTIGATE: _reinvestigate,
    Step.LEGAL_REVIEW: _legal_review,
    Step.NOTIFY: _notify,
    Step.STATEMENT: _statement,
    Step.HEARING_NOTICE: _hearing_notice,
    Step.HEARING_REQUEST: _hearing_request,
    Step.HEARING_WAIVE: _hearing_waive,
    Step.HEARING_SCHEDULE: _hearing_schedule,
    Step.HEARING_HOLD: _hearing_hold,
    Step.DISCUSS: _discuss,
    Step.DECIDE: _decide,
    Step.NOT_PUNISH: _not_punish,
}
