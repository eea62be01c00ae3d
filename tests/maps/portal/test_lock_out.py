"""Who guesses pass phrases is slowed, and nobody else."""

from __future__ import annotations

import logging

from maps.portal import people
from tests.maps.portal.conftest import WORD, add_person
from tests.maps.portal.test_access import STRONG, attempt, kinds


def change_word(client, old: str, new: str = STRONG):
    return client.post("/account/password", data={"csrf": client.csrf, "old": old, "new": new, "again": new})


def test_too_many_attempts_are_slowed_and_others_are_not(new_client, office, clock) -> None:
    name, other = add_person(office, "leader"), add_person(office, "reviewer")
    codes = [attempt(new_client("10.0.0.9"), name, f"wrong word {n}").status_code for n in range(6)]
    assert codes == [403] * 5 + [429]
    locked = attempt(new_client("10.0.0.9"), name, WORD)
    assert locked.status_code == 429, "the right word is not looked at either"
    assert 0 < int(locked.headers["retry-after"]) <= 16
    assert attempt(new_client("10.0.0.8"), other, WORD).status_code == 303
    assert attempt(new_client("10.0.0.8"), name, WORD).status_code == 303, "from elsewhere the person gets in"
    clock.later(seconds=20)
    assert attempt(new_client("10.0.0.9"), name, WORD).status_code == 303
    assert "locked" in kinds(office)


def test_behind_a_proxy_that_is_not_set_one_who_guesses_keeps_nobody_out(new_client, office, clock, caplog) -> None:
    """All clients come from one address then."""
    known, stranger = add_person(office, "leader"), add_person(office, "reviewer")
    told = {"x-forwarded-for": "10.1.1.1"}
    with caplog.at_level(logging.WARNING, "gengxun.portal"):
        for name in (known, stranger):
            client = new_client("10.0.0.9")
            client.headers.update(told)
            if name == known:
                assert attempt(client, name, WORD).status_code == 303
    assert [one.getMessage() for one in caplog.records].count(
        "X-Forwarded-For arrives, but [portal] proxy is not set: all who come through a proxy count as one"
    ) == 1
    for n in range(40):
        attempt(new_client("10.0.0.9"), f"guess {n}", "wrong word here")
    assert attempt(new_client("10.0.0.9"), stranger, WORD).status_code == 429, "the address is slowed"
    assert attempt(new_client("10.0.0.9"), known, WORD).status_code == 303, "who signed in from there before is not"
    for n in range(40):
        attempt(new_client(f"10.9.0.{n}"), known, "wrong word here")
    assert attempt(new_client("10.9.1.1"), known, WORD).status_code == 429, "the name is slowed elsewhere"
    assert attempt(new_client("10.0.0.9"), known, WORD).status_code == 303, "its person gets in"
    codes = [attempt(new_client("10.0.0.9"), known, f"wrong word {n}").status_code for n in range(6)]
    assert codes == [403] * 5 + [429], "but guessing the name from there is slowed as ever"
    clock.later(days=31)
    for n in range(40):
        attempt(new_client("10.0.0.9"), f"guess {n}", "wrong word here")
    assert attempt(new_client("10.0.0.9"), known, WORD).status_code == 429, "after a month nobody is known"


def test_waits_grow_up_to_a_quarter_of_an_hour(office, clock) -> None:
    waits = []
    for _ in range(14):
        while isinstance(people.sign_in(office.store, "x", "y", at=clock(), address="a"), people.Locked):
            clock.later(seconds=15)
        found = people.sign_in(office.store, "x", "y", at=clock(), address="a")
        waits.append(found.seconds if isinstance(found, people.Locked) else 0)
    assert max(waits) <= 901
    assert waits == sorted(waits) or max(waits) > 100


def test_guessing_the_present_word_in_a_session_left_open_is_slowed_like_signing_in(
    client, new_client, sign_in, clock, office
) -> None:
    sign_in(client, "leader")
    codes = [change_word(client, f"wrong word {n}").status_code for n in range(6)]
    assert codes == [422] * 5 + [429]
    right = change_word(client, WORD)
    assert right.status_code == 429, "the right word is not looked at either"
    assert "Too many attempts" in right.text
    assert 0 < int(right.headers["retry-after"]) <= 16
    assert attempt(new_client(), "leader", WORD).status_code == 429, "one count for both doors"
    assert kinds(office).count("refused") == 5
    clock.later(seconds=20)
    assert change_word(client, WORD, "short").status_code == 422
    assert [change_word(client, f"wrong word {n}").status_code for n in range(4)] == [422] * 4, "counted anew"
    assert change_word(client, WORD).status_code == 303
