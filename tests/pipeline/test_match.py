from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline.cases.case import Case, Part, Status
from pipeline.flags import to_json
from pipeline.match import SAME_GROUND, founders, match
from tests.pipeline.invented_flags import LAT, LON, STEP, flag, place


def case(number, *flags):
    seen = tuple(map(to_json, flags))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Case(number, seen, (Part("", Status.SUSPECTED, seen[0]["occupied"]),), at, at, *["x"] * 5)


def shifted(share, **options):
    """A patch that shares ``share`` of the invented one at column 0."""
    return flag(geometry=box(LON + STEP * (1 - share), LAT, LON + STEP * (2 - share), LAT + STEP), **options)


def test_a_flag_goes_to_the_case_it_lies_on():
    cases = [case("1", flag(0)), case("2", flag(1))]
    again, elsewhere = flag(1, after="c"), flag(7, after="c")
    assert match([again, elsewhere], cases) == {again.id: "2", elsewhere.id: None}


def test_three_tenths_of_the_smaller_are_the_same_ground():
    just, less = shifted(SAME_GROUND + 0.01), shifted(SAME_GROUND - 0.01)
    assert match([just, less], [case("1", flag(0))]) == {just.id: "1", less.id: None}


def test_a_small_outline_inside_a_large_one_is_the_same_ground():
    shed = flag(geometry=box(LON, LAT, LON + STEP / 5, LAT + STEP / 5))
    assert match([shed], [case("1", flag(0))]) == {shed.id: "1"}
    assert match([flag(0)], [case("1", shed)]) == {flag(0).id: "1"}


def test_neighbours_share_an_edge_and_nothing():
    beside = shifted(0.0)
    assert match([beside], [case("1", flag(0))]) == {beside.id: None}
    assert founders([flag(0), beside]) == {flag(0).id: flag(0).id, beside.id: beside.id}


def test_of_two_cases_the_one_that_shares_more():
    wide = flag(geometry=box(LON + 0.4 * STEP, LAT, LON + 2.9 * STEP, LAT + STEP), after="c")
    assert match([wide], [case("1", flag(0)), case("2", flag(1))]) == {wide.id: "2"}


def test_any_flag_of_a_case_will_do():
    assert match([flag(3, after="c")], [case("1", flag(0), flag(3))]) == {flag(3, after="c").id: "1"}


def test_overlapping_flags_of_one_run_are_one_ground_in_their_order():
    first, second, third = flag(0), shifted(0.5), flag(4)
    assert founders([first, second, third]) == {first.id: first.id, second.id: first.id, third.id: third.id}
    assert founders([second, first])[first.id] == second.id


def test_a_crooked_outline_does_not_stop_a_run():
    bow_tie = flag(
        geometry=type(place(0))([(LON, LAT), (LON + STEP, LAT + STEP), (LON + STEP, LAT), (LON, LAT + STEP)])
    )
    assert match([bow_tie], [case("1", flag(0))]) == {bow_tie.id: "1"}


def test_nothing_matches_nothing():
    assert match([], [case("1", flag(0))]) == {}
    assert match([flag(0)], []) == {flag(0).id: None}
    assert founders([]) == {}


@given(st.floats(0.05, 0.95), st.floats(-60.0, 60.0))
def test_the_same_share_is_the_same_answer_at_any_latitude(share, lat):
    south = lat
    one = flag(geometry=box(10, south, 10 + STEP, south + STEP))
    other = flag(geometry=box(10 + STEP * (1 - share), south, 10 + STEP * (2 - share), south + STEP), after="c")
    expected = "1" if share >= SAME_GROUND else None
    if abs(share - SAME_GROUND) > 1e-6:
        assert match([other], [case("1", one)])[other.id] == expected
