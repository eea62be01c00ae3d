"""A case as one row: what lists, statistics and tables read.

Areas and reasons are those of the flag that founded it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from geodata.days import day_of
from pipeline.cases.case import Case, Part
from pipeline.cases.law import rules
from pipeline.cases.seen import confidence, looks, scenes_that_saw
from pipeline.cases.table import Status
from pipeline.cases.worth import worth
from pipeline.triage import level
from pipeline.wording import ONE_SCENE


def case_row(case: Case) -> dict[str, Any]:
    """JSON values; the same for the same events, whatever the day (``on_day`` adds what the day says)."""
    return {**_found(case), **_followed(case)}


def _found(case: Case) -> dict[str, Any]:
    """Where it is and what was seen."""
    flag = case.flags[0]
    ground, inside = flag["occupied"], case.geometry.representative_point()
    sure, urgency = confidence(case), max(f["urgency"] for f in case.flags)
    basic = float(ground["overlays"].get("BASIC_FARMLAND", [0.0, 0.0])[1])
    return {
        "number": case.number,
        "status": case.status.value,
        "stage": case.stage.value,
        "kind": flag["kind"],
        "confidence": sure,
        "level": level(sure),
        "looks": dict(looks(case)),
        "urgency": urgency,
        "worth": round(worth(sure, urgency, ground["farmland_net_m2"], basic, rules(day_of(case.found_at))), 4),
        "district_code": case.district_code,
        "district_name": case.district_name,
        "township_code": case.township_code,
        "township_name": case.township_name,
        "village_name": case.village_name,
        "patch_m2": ground["patch_m2"],
        "farmland_gross_m2": ground["farmland_gross_m2"],
        "farmland_net_m2": ground["farmland_net_m2"],
        "basic_farmland_m2": basic_m2(ground),
        "lon": round(inside.x, 7),
        "lat": round(inside.y, 7),
        "geometry": ground["geometry"],
        "before_id": flag["change"]["before_id"],
        "after_id": flag["change"]["after_id"],
        "method": flag["change"]["method"],
        "before_at": flag["before_at"],
        "after_at": flag["after_at"],
        "found_at": case.found_at.isoformat(),
        "latest_at": case.latest_at.isoformat(),
        "flag_ids": [f["id"] for f in case.flags],
        "reasons": {lang: [r["text"][lang] for r in flag["reasons"]] for lang in ("zh", "en")},
        "doubts": {lang: [r["text"][lang] for r in flag["doubts"]] for lang in ("zh", "en")},
        "version": case.version,
        "sources": [{k: clue[k] for k in ("source", "batch", "clue_id")} for clue in case.clues],
    }


def _followed(case: Case) -> dict[str, Any]:
    """What was done about it, and what is due."""
    dues = [due for part in case.parts if (due := due_now(part))]
    due = min(dues, key=lambda d: d["on"]) if dues else None
    verdicts = [part.verdict for part in case.parts if part.verdict]
    closings = [part.closing for part in case.parts if part.closing]
    closed = case.status is Status.CLOSED
    return {
        "assignee": next((part.assignee for part in case.parts if part.assignee), ""),
        "dispatched_at": case.dispatched_at.isoformat() if case.dispatched_at else None,
        "checked_at": max((v["at"] for v in verdicts), default=None),
        "verdict": verdicts[0]["verdict"] if verdicts else None,
        "verdict_sub": verdicts[0]["sub"] if verdicts else None,
        "party": next((v["party"] for v in verdicts if v.get("party")), None),
        "photos": sum(item["kind"] == "photo" for part in case.parts for item in part.evidence),
        "ordered_at": min((p.order["at"] for p in case.parts if p.order), default=None),
        "reported_at": max((p.report["at"] for p in case.parts if p.report), default=None),
        "closed_at": max((c["at"] for c in closings), default=None) if closed else None,
        "outcome": _outcome(case) if closed else None,
        "overridden": case.overrides > 0,
        "relapses": case.relapses,
        "due_at": due["on"] if due else None,
        "due_what": due["what"] if due else None,
        "due_provisional": bool(due and due["provisional"]),
        "paused": any(part.paused_on for part in case.parts),
        "dismissed_because": _because(case.dismissed),
        "withdrawn": _withdrawn(case.dismissed),
        "proceeding": _proceeding(case),
        "transfers": [f"{t.to}:{t.state}" for part in case.parts for t in part.transfers.values()],
        "fine_yuan": sum(p.fine_yuan for part in case.parts for p in part.proceedings.values()),
        "restored_m2": sum(p.ground["farmland_gross_m2"] for p in case.parts if p.outcome == "rectified"),
        "demolished_m2": sum(float(p.report.get("demolished_m2") or 0) for p in case.parts if p.report),
        "parts": [part_row(part) for part in case.parts] if case.split else [],
    }


def _because(dismissed: Mapping[str, Any] | None) -> str | None:
    """As people wrote it; of a look its Chinese sentence."""
    reason = dismissed["reason"] if dismissed else None
    return reason["zh"] if isinstance(reason, Mapping) else reason


def _withdrawn(dismissed: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The look that dismissed it, None where people did or it stands."""
    look = (dismissed or {}).get("look")
    return look and {name: look[name] for name in ("scene_id", "at", "verdict", "text")}


def doubts_now(case: Case) -> list[Mapping[str, Any]]:
    """The doubts of the flag that founded it, as told; that it rests on one scene alone no longer, once another saw
    it or the ground was checked. A list's row keeps them all: it says what was told then."""
    answered = len(scenes_that_saw(case)) > 1 or any(part.verdict for part in case.parts)
    return [doubt for doubt in case.flags[0]["doubts"] if not (answered and doubt["title"]["en"] == ONE_SCENE)]


def due_now(part: Part) -> Mapping[str, Any] | None:
    """What is due of a part: a pause stops what still ran; what was overdue before it stays so."""
    return part.due if part.due and (not part.paused_on or part.due["on"] < part.paused_on) else None


def part_row(part: Part) -> dict[str, Any]:
    return {
        "id": part.id,
        "status": part.status.value,
        "patch_m2": part.ground["patch_m2"],
        "farmland_gross_m2": part.ground["farmland_gross_m2"],
        "farmland_net_m2": part.ground["farmland_net_m2"],
        "basic_farmland_m2": basic_m2(part.ground),
        "geometry": part.ground["geometry"],
        "verdict": part.verdict["verdict"] if part.verdict else None,
        "verdict_sub": part.verdict["sub"] if part.verdict else None,
        "due_at": part.due["on"] if part.due else None,
        "outcome": part.outcome or None,
        "photos": sum(item["kind"] == "photo" for item in part.evidence),
    }


def on_day(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The row with ``overdue`` and ``days_left`` (None: nothing runs)."""
    due = row["due_at"] and date.fromisoformat(row["due_at"])
    left = (due - today).days if due else None
    return {**row, "days_left": left, "overdue": left is not None and left < 0}


def basic_m2(ground: Mapping[str, Any]) -> float:
    """Gross basic farmland under the ground, an overlay of its sum."""
    return float(ground["overlays"].get("BASIC_FARMLAND", [0.0, 0.0])[0])


def _outcome(case: Case) -> str:
    """Of the parts; of several different ones "mixed"."""
    found = {part.outcome for part in case.parts}
    return found.pop() if len(found) == 1 else "mixed"


def _proceeding(case: Case) -> dict[str, Any] | None:
    """The latest one: its state, and what it led to."""
    found = [p for part in case.parts for p in part.proceedings.values()]
    if not found:
        return None
    last = max(found, key=lambda p: p.filed_on)
    return {
        "id": last.id,
        "status": last.state.value,
        "filed_on": last.filed_on.isoformat(),
        "number": last.number,
        "closed_on": last.closed_on.isoformat() if last.closed_on else None,
    }
