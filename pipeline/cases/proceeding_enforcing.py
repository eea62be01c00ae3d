"""Steps of a proceeding from the service of the decision to its end: what each must bring, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from pipeline.cases.procedure import Proceeding, Step
from pipeline.cases.proceeding_conditions import grounds_open, undone
from pipeline.cases.proceeding_law import words
from pipeline.cases.proceeding_taking import Taking, penalties

SERVICE = ("direct", "left", "entrusted", "post", "announcement", "electronic")
_PERFORMED_BY_PARTY = ("demolish", "restore", "return_land", "confiscate_gain")
_AREAS = ("demolished_m2", "restored_m2", "confiscated_m2", "returned_m2")


def surcharge(state: Proceeding, on: date, a_day: float) -> tuple[int, float]:
    """(days late, yuan) of the fine that is unpaid on ``on``: 3 % a day of it, at most the fine itself.

    处罚法 72, 73: the days of a reconsideration or a suit are not counted.
    """
    due = state.dues.get("payment")
    if due is None:
        return 0, 0.0
    last = date.fromisoformat(due["day"])
    days = max(0, (on - last).days)
    for began, ended in state.holds:
        days -= max(0, (min(ended, on) - max(began, last)).days)
    days = max(0, days)
    left = state.fine_yuan - state.paid_yuan
    return days, round(min(state.fine_yuan, left * a_day * days), 2)


def _serve(t: Taking) -> None:
    received = t.past("received_on", t.now.decided_on)
    if t.read.one_of("method", SERVICE) == "electronic":
        paper = words("proceeding").of("papers", "service_agreement")
        t.read.papers([("service_agreement", paper)], t.s.facts.papers)
    t.late("service", received)
    t.sets["served_on"] = received.isoformat()
    t.ends.append("service")
    if not t.now.penalties:
        return
    if "fine" in t.now.penalties:
        t.run("payment", received)
    if any(p in _PERFORMED_BY_PARTY for p in t.now.penalties):
        t.fixed("perform", t.read.day("perform_by", earliest=received), t.now.number)
    if "confiscate_buildings" in t.now.penalties:
        t.run("hand_over", received)
    t.run("reconsideration", received)
    key = "lawsuit_demolition" if "demolish" in t.now.penalties else "lawsuit"
    t.run("court_application", t.run(key, received, "lawsuit"))


def _publish(t: Taking) -> None:
    t.read.text("where")
    t.sets["published"] = True


def _unpublish(t: Taking) -> None:
    t.read.text("reason")
    t.late("withdraw_publication", t.on)
    t.sets["published"] = False
    t.ends.append("withdraw_publication")


def _pay(t: Taking) -> None:
    yuan, day = t.read.number("yuan"), t.past("paid_on", t.now.served_on)
    left = round(t.now.fine_yuan - t.now.paid_yuan, 2)
    if not 0 < yuan <= left:
        raise t.refuse(
            "{step}: {yuan} yuan of a fine of which {left} are unpaid; a surcharge is not part of it.",
            yuan=f"{yuan:g}",
            left=f"{left:g}",
        )
    days, more = surcharge(t.now, day, t.s.law.surcharge_a_day)
    t.read.read |= {"late_days": days, "surcharge_yuan": more}
    t.sets["paid_yuan"] = round(t.now.paid_yuan + yuan, 2)
    if yuan == left:
        t.ends.append("payment")
        _stop_enforcing(t, [p for p in undone(t.now) if p != "fine"])


def _defer(t: Taking) -> None:
    t.read.text("reason")
    t.fixed("payment", t.read.day("until", earliest=t.on), "处罚法第六十六条")


def _hold(t: Taking) -> None:
    kind = t.read.one_of("kind", ("reconsideration", "lawsuit"))
    began = t.past("started_on", t.now.served_on)
    t.read.text("number")
    t.sets = {"back_to": t.now.state.value, "hold": kind, "paused_on": began.isoformat()}
    t.ends += [k for k in ("court_application", kind) if k in t.now.dues]


def _ended(t: Taking) -> date:
    began = t.now.paused_on
    assert began is not None
    ended = t.past("ended_on", began)
    holds = [*t.now.holds, (began, ended)]
    t.sets |= {
        "holds": [[a.isoformat(), b.isoformat()] for a, b in holds],
        "back_to": None,
        "paused_on": None,
        "hold": "",
    }
    return ended


def _release(t: Taking) -> None:
    result, after_lawsuit = t.read.one_of("result", ("upheld", "withdrawn", "changed")), t.now.hold == "lawsuit"
    ended = _ended(t)
    if result == "changed":
        keys, fine = penalties(t)
        done = [p for p in t.now.performed if p in keys]
        t.sets |= {"penalties": keys, "fine_yuan": fine, "performed": done}
    if after_lawsuit:
        t.fixed("lawsuit", ended, "行政诉讼法")
        last = ended
    else:
        last = t.run("lawsuit_after_reconsideration", ended, "lawsuit")
    t.ends.append("reconsideration")
    t.run("court_application", last)


def _annul(t: Taking) -> None:
    t.read.text("reason")
    ended = _ended(t)
    t.ends += list(t.now.dues)
    if t.now.published:
        t.run("withdraw_publication", ended)


def _urge(t: Taking) -> None:
    t.run("urge", t.past("received_on", t.now.served_on))


def _apply(t: Taking) -> None:
    t.read.text("court")
    last = t.s.due("court_application")
    if last is not None and t.on > last:
        t.read.read["late_days"] = (t.on - last).days
        if not t.read.has("late_reason"):
            raise t.refuse(
                "{step}: the time to apply ended on {day}; the court takes it only with a good reason (late_reason=…).",
                day=last,
            )
        t.read.text("late_reason")
    t.sets["applied_on"] = t.on.isoformat()
    t.ends += ["court_application", "urge"]


def _execute(t: Taking) -> None:
    allowed = [p for p in undone(t.now) if p in _PERFORMED_BY_PARTY]
    done = t.read.names("performed")
    for key in done:
        if key not in allowed:
            raise t.refuse(
                "{step}: {key} is not open in this decision; open are {keys}.", key=key, keys=", ".join(allowed) or "-"
            )
    for name in _AREAS:
        if t.read.has(name):
            t.sets[name] = getattr(t.now, name) + t.read.number(name)
    t.sets["performed"] = [*t.now.performed, *done]
    left = [p for p in undone(t.now) if p not in done]
    if not any(p in _PERFORMED_BY_PARTY for p in left):
        t.ends.append("perform")
    _stop_enforcing(t, left)


def _stop_enforcing(t: Taking, left: list[str]) -> None:
    if not [p for p in left if p != "confiscate_buildings"]:
        t.ends += ["court_application", "urge"]


def _hand_over(t: Taking) -> None:
    t.read.text("to")
    if t.read.has("confiscated_m2"):
        t.sets["confiscated_m2"] = t.now.confiscated_m2 + t.read.number("confiscated_m2")
    t.late("hand_over", t.on)
    t.sets["performed"] = [*t.now.performed, "confiscate_buildings"]
    t.ends.append("hand_over")


def _suspend(t: Taking) -> None:
    t.read.text("reason")
    t.sets = {"back_to": t.now.state.value, "paused_on": t.on.isoformat()}
    t.dues |= {k: {**due, "paused": True} for k, due in t.now.dues.items() if k in ("decision", "court_application")}


def _resume(t: Taking) -> None:
    t.read.text("reason")
    began = t.now.paused_on
    assert began is not None
    for key in ("decision", "court_application"):
        t.move(key, (t.on - began).days)
    t.sets = {"back_to": None, "paused_on": None}


def _refer(t: Taking) -> None:
    t.read.text("to")
    _ends_all(t)


def _ends_all(t: Taking) -> None:
    t.read.text("reason")
    t.ends += [k for k in t.now.dues if k != "withdraw_publication"]
    t.sets |= {"back_to": None, "paused_on": None}


def _close(t: Taking) -> None:
    key = t.read.one_of("ground", t.s.law.grounds)
    if key not in grounds_open(t.s):
        raise t.refuse(
            "{step}: the ground {ground} does not hold; what holds is {open}.",
            ground=t.s.law.grounds[key].name,
            open=", ".join(grounds_open(t.s)),
        )
    t.sets = {"ground": key, "closed_on": t.on.isoformat()}
    t.ends += [k for k in t.now.dues if k != "hand_over" or key == "executed"]


def _recount(t: Taking) -> None:
    again: dict[str, date] = {}
    for key in sorted(t.now.dues, key=lambda k: k == "court_application"):  # it starts where the suing period ends
        due = t.now.dues[key]
        if not due["provisional"]:
            continue
        start = again.get("lawsuit", date.fromisoformat(due["start"])) if key == "court_application" else None
        start = start or date.fromisoformat(due["start"])
        found = t.standards.calendar.after(start, due["n"], due["unit"], roll=due["roll"])
        again[key] = found.day + timedelta(days=due["moved"])
        t.dues[key] = {
            **due,
            "day": again[key].isoformat(),
            "start": start.isoformat(),
            "provisional": found.provisional,
        }


ENFORCING: Mapping[Step, Callable[[Taking], None]] = {
    Step.SERVE: _serve,
    Step.PUBLISH: _publish,
    Step.UNPUBLISH: _unpublish,
    Step.PAY: _pay,
    Step.DEFER: _defer,
    Step.HOLD: _hold,
    Step.RELEASE: _release,
    Step.ANNUL: _annul,
    Step.URGE: _urge,
    Step.APPLY: _apply,
    Step.EXECUTE: _execute,
    Step.HAND_OVER: _hand_over,
    Step.SUSPEND: _suspend,
    Step.RESUME: _resume,
    Step.REFER: _refer,
    Step.TERMINATE: _ends_all,
    Step.END_EXECUTION: _ends_all,
    Step.WITHDRAW: _ends_all,
    Step.CLOSE: _close,
    Step.RECOUNT: _recount,
}
