from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flags import digest, flag_id, from_json, to_json
from pipeline.inspection import REASONS, funnel, inspection_id, settled
from pipeline.inspection import from_json as inspection_from
from pipeline.inspection import to_json as inspection_to
from tests.pipeline.invented_flags import STEP, change, flag, inspection, place


def test_the_same_inputs_give_the_same_id():
    assert flag_id(change(place(0)), "s") == flag_id(change(place(0)), "s")


def test_the_id_does_not_depend_on_where_the_outline_begins():
    square = place(0)
    turned = type(square)([*square.exterior.coords[2:], *square.exterior.coords[1:3]])
    assert flag_id(change(turned)) == flag_id(change(square))


def test_every_input_counts_in_the_id():
    seen = change(place(0))
    ids = {flag_id(seen, "s"), flag_id(seen, "other")}
    ids |= {
        flag_id(replace(seen, **{name: "x"}), "s") for name in ("before_id", "after_id", "method", "method_version")
    }
    ids.add(flag_id(change(place(0, size=STEP + 1e-8)), "s"))
    assert len(ids) == 7
    assert flag_id(change(place(0, size=STEP + 1e-12)), "s") in ids


def test_settings_in_another_order_are_the_same_settings():
    assert digest({"a": 1, "b": (1, 2)}) == digest({"b": [1, 2], "a": 1})


def test_json_and_back_loses_nothing():
    one = flag(doubts=flag().reasons)
    data = to_json(one)
    back = from_json(data)
    assert to_json(back) == data
    for field in fields(one):
        assert type(getattr(back, field.name)) is type(getattr(one, field.name))
    assert back.occupied.overlays == one.occupied.overlays
    assert back.occupied.shares == one.occupied.shares
    assert back.before_at == one.before_at
    assert back.change.geometry.equals_exact(one.change.geometry, 1e-9)


def test_an_older_record_without_a_later_field_stays_readable():
    data = to_json(flag())
    del data["layers"]
    data["something_of_a_later_version"] = 1
    assert from_json(data).layers == {}


@given(st.lists(st.tuples(st.sampled_from(REASONS), st.integers(0, 10**9).map(lambda cents: cents / 100)), max_size=30))
def test_the_funnel_adds_up(rows):
    outcomes = [{"reason": reason, "area_m2": area} for reason, area in rows]
    total, *steps = funnel((2, 10.01), outcomes, [flag(0)], [flag(1), flag(2)])
    assert total.reason == "changes"
    assert [s.reason for s in steps] == [*REASONS, "seen_again", "new"]
    assert total.count == len(rows) + 2 + 3 == sum(s.count for s in steps)
    assert total.area_m2 == pytest.approx(sum(s.area_m2 for s in steps), abs=1e-6)


def test_the_ledger_completes_the_funnel():
    done = settled(inspection(), [flag(0)], [flag(1), flag(2)])
    total, *steps = done.funnel
    counts = {s.reason: s.count for s in steps}
    assert counts["too_small"], counts["seasonal"] == (3, 1)
    assert (counts["seen_again"], counts["new"], total.count) == (1, 2, 7)
    assert total.area_m2 == 120.5 + 1234.56 + 30_000


def test_an_inspection_survives_json():
    one = inspection(settings={"min_area": 400})
    assert inspection_to(inspection_from(inspection_to(one))) == inspection_to(one)
    assert inspection_from(inspection_to(one)).funnel == one.funnel


def test_the_inspection_s_id_follows_its_inputs():
    base = {"method": "irmad", "method_version": "1", "settings": {"a": 1}, "layers": {"FARMLAND": ["2025"]}}
    one = inspection_id("b", "a", **base)
    assert one == inspection_id("b", "a", **base)
    others = [base | change for change in ({"method": "x"}, {"settings": {"a": 2}}, {"layers": {"FARMLAND": ["2026"]}})]
    assert len({one, inspection_id("a", "b", **base), *(inspection_id("b", "a", **o) for o in others)}) == 5
