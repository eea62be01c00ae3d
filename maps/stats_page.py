"""统计: one A4 sheet for leaders. Everything on it is a value made here; the template only sets it.

Counts are of patches found in the period and not dismissed; columns of areas in mu are rounded so that
they add up to their total.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from geodata.area import mu
from geodata.days import day_of
from geodata.words import Text, both
from maps.features import Park
from maps.stats_parts import Late, Line, Lived, Month, Share, StatsPage, Verdicts
from maps.style import Frame, environment
from pipeline import precision
from pipeline.cases.standards import Standards
from pipeline.inspection import Inspection
from pipeline.statistics import LIMIT_PERCENT, statistics
from pipeline.triage import KINDS, kind_name

BY = ("county", "township", "park")
LINES = 10
"""Units that stand for themselves; one sheet holds no more. The others are summed into one line."""
MONTHS = 12
LATEST = 6
PRECISIONS = 4
"""Sorts of flags whose precision stands beside that of all: those with the most verdicts."""
RATIO_LINES = 7
NEAR_PERCENT = 10
"""From this share on the ratio of a unit is marked: close to the line."""
AGES = (15, 30, 60, 90, 180)
LONG_DAYS = 90
PATH = "stats.html"
Row = Mapping[str, Any]


def stats_page(
    rows: Sequence[Row],
    *,
    scope: Text | str,
    today: date,
    made_at: datetime,
    since: date | None = None,
    until: date | None = None,
    by: str = "county",
    parks: Sequence[Park] = (),
    inspections: Sequence[tuple[datetime | None, Inspection]] = (),
    construction_m2: Mapping[tuple[str, int], float] | None = None,
    rules: Standards | None = None,
    as_of: datetime | None = None,
    mark: str = "",
    intact: bool | None = None,
) -> StatsPage:
    """rows: of ``rows.on_day``. since: January 1 of ``until``'s year unless given; until: today.
    inspections: (when recorded, inspection). construction_m2: as for ``statistics``."""
    until = until or today
    since = since or date(until.year, 1, 1)
    told = statistics(rows, today=today, since=since, until=until, construction_m2=construction_m2)
    inside = [row for row in rows if since <= _day(row["found_at"]) <= until]
    active = [row for row in inside if row["status"] != "DISMISSED"]
    lines = _lines(active, by, parks, today)
    whole = statistics(active, today=today)["total"]
    in_hand = [r for r in rows if r["status"] not in ("CLOSED", "DISMISSED") and _day(r["found_at"]) <= until]
    months, before = _months(rows, active, since, until, today)
    lived, too_few = _lived(told["precision"])
    ran = [one for at, one in inspections if at is not None and since <= day_of(at) <= until]
    return StatsPage(
        scope=scope,
        since=since,
        until=until,
        today=today,
        as_of=as_of,
        made_at=made_at,
        mark=mark,
        intact=intact,
        by=by,
        lines=lines,
        total=_line(both("All"), whole),
        suspected=whole["suspected"],
        dispatched=whole["dispatched"],
        rectifying=whole["rectifying"],
        reported=whole["reported"],
        dismissed=len(inside) - len(active),
        in_hand=len(in_hand),
        older_open=sum(_day(row["found_at"]) < since for row in in_hand),
        overdue=sum(bool(row.get("overdue")) for row in in_hand),
        ages=_ages(in_hand, today),
        late=_late(in_hand),
        months=months,
        months_before=before,
        verdicts=_verdicts(active, rules),
        checked=sum(row.get("verdict") is not None for row in active),
        shares=_shares(told["farmland_ratio"]),
        seen=(sum(one.observed_farmland_m2 for one in ran), sum(one.farmland_m2 for one in ran)),
        runs=len(ran),
        lived=lived,
        too_few=too_few,
    )


def _day(at: str) -> date:
    return day_of(datetime.fromisoformat(at))


def _unit(by: str, parks: Sequence[Park]) -> Callable[[Row], tuple[str, Text]]:
    """Row → (key, name) of the unit it counts for."""
    if by == "township":
        return lambda row: (
            row["township_code"] or row["district_code"],
            _same(row["township_name"] or row["township_code"] or row["district_name"] or row["district_code"]),
        )
    if by == "park":
        outside = both("Outside the parks")

        def park(row: Row) -> tuple[str, Text]:
            held = next((one for one in parks if one.holds(row["township_code"])), None)
            return (held.code, _same(held.name)) if held else ("~", outside)

        return park
    return lambda row: (row["district_code"], _same(row["district_name"] or row["district_code"]))


def _same(name: str) -> Text:
    return {"zh": name, "en": name}


def _lines(active: Sequence[Row], by: str, parks: Sequence[Park], today: date) -> tuple[Line, ...]:
    """By count, the last line for all that have none of their own; areas add up to those of the total."""
    unit = _unit(by, parks)
    members: dict[str, list[Row]] = {}
    names: dict[str, Text] = {}
    for row in active:
        key, name = unit(row)
        members.setdefault(key, []).append(row)
        names[key] = name
    order = sorted(members, key=lambda key: (key == "~", -len(members[key]), key))
    shown = order if len(order) <= LINES else order[: LINES - 1]
    found = [(names[key], members[key]) for key in shown]
    if rest := order[len(shown) :]:
        found.append((both("{n} others", n=len(rest)), [row for key in rest for row in members[key]]))
    groups = [(name, statistics(of, today=today)["total"]) for name, of in found]
    lines = [_line(name, group) for name, group in groups]
    whole = statistics(active, today=today)["total"]
    columns = {
        field: balanced([mu(group[key]) for _, group in groups], mu(whole[key])) for field, key in _AREAS.items()
    }
    return tuple(
        Line(
            one.name,
            one.count,
            one.found,
            one.rectify,
            one.closed,
            one.overdue,
            **{f: c[n] for f, c in columns.items()},
        )
        for n, one in enumerate(lines)
    )


_AREAS = {"farmland_mu": "farmland_net_m2", "basic_mu": "basic_farmland_m2", "restored_mu": "restored_m2"}


def _line(name: Text, group: Mapping[str, Any]) -> Line:
    return Line(
        name,
        group["active"],
        group["suspected"] + group["dispatched"],
        group["rectifying"] + group["reported"],
        group["closed"],
        group["overdue"],
        **{field: round(mu(group[key]), 2) for field, key in _AREAS.items()},
    )


def balanced(parts: Sequence[float], total: float) -> list[float]:
    """``parts`` with two decimals that add up to ``total`` with two (largest remainder)."""
    whole = round(100 * total)
    found = [math.floor(100 * part + 1e-9) for part in parts]
    left = whole - sum(found)
    by_rest = sorted(range(len(parts)), key=lambda i: found[i] - 100 * parts[i])
    for i in by_rest[: max(0, left)]:
        found[i] += 1
    return [value / 100 for value in found]


def _ages(in_hand: Sequence[Row], today: date) -> tuple[tuple[Text, int, bool], ...]:
    """(name, count, long) of the days since finding."""
    ages = [max(0, (today - _day(row["found_at"])).days) for row in in_hand]
    found, below = [], -1
    for edge in AGES:
        name = both("≤{n} days", n=edge) if below < 0 else both("{a}–{b} days", a=below + 1, b=edge)
        found.append((name, sum(below < age <= edge for age in ages), below >= LONG_DAYS))
        below = edge
    found.append((both(">{n} days", n=below), sum(age > below for age in ages), True))
    return tuple(found)


def _late(in_hand: Sequence[Row]) -> tuple[Late, ...]:
    late = [row for row in in_hand if row.get("overdue")]
    late.sort(key=lambda row: (row["days_left"], row["number"]))
    return tuple(
        Late(row["number"], " ".join(n for n in (row["district_name"], row["township_name"]) if n), -row["days_left"])
        for row in late[:LATEST]
    )


def _months(
    rows: Sequence[Row], active: Sequence[Row], since: date, until: date, today: date
) -> tuple[tuple[Month, ...], int]:
    """The last months of the period: patches found (those the sheet counts), and closed (whenever found)."""
    last = 12 * until.year + until.month - 1
    first = max(12 * since.year + since.month - 1, last - MONTHS + 1)
    names = [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, last + 1)]
    found = Counter(f"{_day(row['found_at']):%Y-%m}" for row in active)
    closings = [_day(row["closed_at"]) for row in rows if row["status"] == "CLOSED" and row.get("closed_at")]
    closed = Counter(f"{day:%Y-%m}" for day in closings if since <= day <= until)
    running = f"{today:%Y-%m}"
    months = tuple(Month(name, found[name], closed[name], name == running) for name in names)
    return months, len(active) - sum(month.found for month in months)


def _verdicts(active: Sequence[Row], rules: Standards | None) -> tuple[Verdicts, ...]:
    """A patch whose parts were judged differently stands under "mixed"."""
    counts: Counter[str] = Counter()
    for row in active:
        given = {part["verdict"] for part in row.get("parts") or ()} or {row.get("verdict")}
        if row.get("verdict") is not None:
            counts[str(row.get("verdict")) if len(given) == 1 else "mixed"] += 1
    total = sum(counts.values())
    known = rules.verdicts if rules else {}
    order = [*known, *sorted(set(counts) - set(known) - {"mixed"}), "mixed"]
    return tuple(
        Verdicts(
            both("Parts judged differently") if key == "mixed" else known[key].name if key in known else _same(key),
            counts[key],
            counts[key] / total if total else 0.0,
        )
        for key in order
        if counts[key] or (key in known and key != "mixed")
    )


def _lived(told: Mapping[str, Any]) -> tuple[tuple[Lived, ...], int]:
    """All flags first, then the sorts that were verified most; and how many of the others have too few verdicts."""
    sorts = [one for group in ("kind", "method", "district") for one in told[f"by_{group}"]]
    given = sorted((one for one in sorts if one["value"] is not None), key=lambda one: -one["n"])
    found = [Lived(both("All"), precision.short(told["total"]))]
    for one in given[:PRECISIONS]:
        name = kind_name(one["name"]) if one["name"] in KINDS else _same(one["name"])
        found.append(Lived(name, precision.short(one)))
    return tuple(found), len(sorts) - len(given)


def _shares(ratios: Sequence[Mapping[str, Any]]) -> tuple[Share, ...]:
    """The largest illegal areas of the period first; then all together where every one can be divided."""
    ranked = sorted(ratios, key=lambda one: (-one["illegal_m2"], one["district_code"], one["year"]))
    found = [
        _share(one["district_name"], one["year"], one["illegal_m2"], one["lawful_m2"]) for one in ranked[:RATIO_LINES]
    ]
    if len(ratios) > 1:
        lawful = None if any(one["lawful_m2"] is None for one in ratios) else sum(one["lawful_m2"] for one in ratios)
        found.append(_share("", 0, sum(one["illegal_m2"] for one in ratios), lawful))
    return tuple(found)


def _share(name: str, year: int, illegal_m2: float, lawful_m2: float | None) -> Share:
    whole = None if lawful_m2 is None else illegal_m2 + lawful_m2
    ratio = illegal_m2 / whole if whole else None
    percent = 0.0 if ratio is None else 100 * ratio
    return Share(
        name,
        year,
        round(mu(illegal_m2), 2),
        None if lawful_m2 is None else round(mu(lawful_m2), 2),
        ratio,
        NEAR_PERCENT <= percent < LIMIT_PERCENT,
        percent >= LIMIT_PERCENT,
    )


# drawing


def percent(numerator: float, denominator: float) -> str:
    """ "43%", "—" where there is nothing to divide by; 100 % and 0 % only where it is all or none."""
    if not denominator:
        return "—"
    whole = round(100 * numerator / denominator)
    if whole == 100 and numerator < denominator:
        return ">99%"
    if whole == 0 and numerator > 0:
        return "<1%"
    return f"{whole}%"


def ticks(most: int) -> list[int]:
    """0 and up to four round steps that reach ``most``."""
    if most <= 0:
        return [0, 1]
    step = next(s * 10**e for e in range(9) for s in (1, 2, 5) if s * 10**e * 4 >= most)
    return list(range(0, most + step, step))


def chart(months: Sequence[Month], width: float = 660.0, height: float = 128.0) -> dict[str, Any]:
    """Bars of what was found, a line of what was closed; left 34 for the figures, below 20 for the months."""
    left, top, bottom = 34.0, 16.0, 20.0
    steps = ticks(max([0, *(m.found for m in months), *(m.closed for m in months)]))
    high = height - top - bottom
    y = {n: top + high * (1 - n / steps[-1]) for n in range(steps[-1] + 1)} if steps[-1] <= 5000 else None

    def at(value: int) -> float:
        return y[value] if y and value in y else top + high * (1 - value / steps[-1])

    slot = (width - left - 8) / max(1, len(months))
    bars = [
        {
            "x": left + slot * (n + 0.5),
            "width": min(36.0, slot * 0.6),
            "y": at(month.found),
            "height": top + high - at(month.found),
            "closed_y": at(month.closed),
            "month": month,
        }
        for n, month in enumerate(months)
    ]
    return {"width": width, "height": height, "left": left, "base": top + high, "bars": bars,
            "ticks": [(value, at(value)) for value in steps]}  # fmt: skip


def render(page: StatsPage, frame: Frame, **values: Any) -> str:
    """As one HTML document of the static site. values: what the portal adds."""
    return environment(frame.lang).get_template("stats.html.j2").render(frame=frame, **shown(page), **values)


def shown(page: StatsPage, case_href: Callable[[str], str] = lambda number: f"case/{number}.html") -> dict[str, Any]:
    """What the template needs. case_href: from the page to a case."""
    most = max([1, *(count for _, count, _ in page.ages)])
    return {
        "page": page,
        "percent": percent,
        "chart": chart(page.months),
        "age_width": lambda count: 100 * count / most,
        "dense": len(page.lines) > 7,
        "case_href": case_href,
        "near": NEAR_PERCENT,
        "limit": LIMIT_PERCENT,
        "least": precision.LEAST,
        "form": False,
    }
