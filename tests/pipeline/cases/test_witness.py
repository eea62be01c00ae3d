"""A witness on another machine takes what follows and refuses every fork, with the key or without."""

import dataclasses
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import InputError, LedgerDamaged
from pipeline.cases import heads
from pipeline.cases.heads import Tree, to_json, to_text
from pipeline.cases.keys import head_document
from pipeline.cases.ledger import Ledger
from pipeline.cases.witness import Said, Watched, judge, take, watched
from tests.pipeline.cases.signed_office import AT, office
from tests.pipeline.cases.test_heads import KEY, OTHER_KEY, PUBLIC, leaves


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "keys"))
    made = office(tmp_path / "office")
    made.run("a", 0)
    yield made
    made.ledger.close()


def printed(made, since=None, **options):
    return json.dumps(head_document(made.ledger, made.root, made.sign(**options), since))


def test_a_witness_follows_a_ledger_that_grows(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    first = take(file, printed(made), AT)
    assert (first.new, first.pinned, first.head.seq) == (True, True, 2)
    again = take(file, printed(made), AT)
    assert (again.new, again.pinned) == (False, False)
    for after, column in (("c", 1), ("d", 2), ("e", 3)):
        made.run(after, column)
        taken = take(file, printed(made, since=taken_seq(file)), AT)
        assert taken.new
    assert taken.head.seq == 8
    assert watched(file).last == taken.head
    assert len(file.read_text().splitlines()) == 5
    assert take(file, to_text(taken.head), AT).new is False  # the line alone is enough where nothing follows


def taken_seq(file):
    return watched(file).last.seq


def test_by_default_a_head_extends_the_one_before(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    take(file, printed(made), AT)
    made.run("c", 1)
    assert take(file, printed(made), AT).new


def test_a_head_without_proof_of_what_lies_between_is_asked_for_it(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    take(file, printed(made), AT)
    made.run("c", 1)
    made.sign()
    made.run("d", 2)
    for text in (printed(made), to_text(made.sign())):
        with pytest.raises(InputError, match="--since 2"):
            take(file, text, AT)
    assert taken_seq(file) == 2
    assert take(file, printed(made, since=2), AT).new


def test_a_rewritten_ledger_is_refused_even_if_the_key_signs_it(made, tmp_path):
    """The office's own key on a ledger that has the same first event and another past."""
    file = tmp_path / "witness.jsonl"
    other = made.copy(tmp_path / "fork")
    made.run("c", 1)
    take(file, printed(made), AT)
    with Ledger(other / "ledger.db", clock=made.clock) as ledger:
        fork = dataclasses.replace(made, root=other, ledger=ledger)
        for path in (tmp_path / "keys").rglob("last-head.json"):
            path.unlink()  # whoever holds the key can take away what warns him
        fork.run("x", 7)
        with pytest.raises(LedgerDamaged, match="does not extend"):
            take(file, printed(fork), AT)
        fork.run("y", 8)
        with pytest.raises(LedgerDamaged, match="was rewritten"):
            take(file, printed(fork, since=4), AT)
    assert len(file.read_text().splitlines()) == 2


def test_an_older_head_is_refused(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    old = printed(made)
    made.run("c", 1)
    take(file, printed(made), AT)
    with pytest.raises(LedgerDamaged, match="already"):
        take(file, old, AT)


def test_a_key_that_the_known_one_handed_on_to_is_taken_and_no_other(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    take(file, printed(made), AT)
    made.run("c", 1)
    taken = take(file, printed(made, rotate=True), AT)
    assert (taken.new, taken.key_changed) == (True, True)
    made.run("d", 2)
    assert take(file, printed(made), AT).new
    made.run("e", 3)
    with pytest.raises(LedgerDamaged, match="no known key handed on to"):
        take(file, printed(made, after_loss=True), AT)


def test_a_head_with_another_signature_key_or_workspace_is_refused(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    document = json.loads(printed(made))
    take(file, json.dumps(document), AT)
    head = made.sign()
    forged = [
        dataclasses.replace(head, evidence_count=9),
        heads.sign(head, Ed25519PrivateKey.generate()),
        dataclasses.replace(head, workspace="0" * 20),
    ]
    for one in forged:
        with pytest.raises(LedgerDamaged, match="refused"):
            take(file, json.dumps({**document, "head": to_json(one)}), AT)


def test_a_first_head_needs_its_key_and_what_is_no_head_is_refused(made, tmp_path):
    for text in (to_text(made.sign()), heads.mark(made.sign()), "", "{}", '{"head": 3}'):
        with pytest.raises(InputError):
            take(tmp_path / "witness.jsonl", text, AT)
    assert not (tmp_path / "witness.jsonl").exists()
    with pytest.raises(InputError, match="no such folder"):
        take(tmp_path / "no" / "witness.jsonl", printed(made), AT)


def test_a_witness_file_that_was_changed_is_not_gone_on_with(made, tmp_path):
    file = tmp_path / "witness.jsonl"
    take(file, printed(made), AT)
    made.run("c", 1)
    text = printed(made)
    whole = file.read_text()
    for wrong in (whole.replace('"seq": 2', '"seq": 3'), whole + "{", "{}\n", "", "text"):
        file.write_text(wrong)
        with pytest.raises(InputError, match="witness"):
            take(file, text, AT)


# --- the law, over trees of any shape ----------------------------------------------------------


def head_of(values, size, key=KEY):
    made = heads.Head("1" * 20, size, values[size - 1].hex(), Tree(values[:size]).root().hex(), AT, 0,
                      heads.evidence_digest(()), "")  # fmt: skip
    return heads.sign(made, key)


@given(st.integers(1, 120), st.integers(0, 60), st.data())
@settings(deadline=None)
def test_only_what_extends_the_last_head_is_taken(old, more, data):
    values = leaves(old + more)
    tree = Tree(values)
    before = Watched("1" * 20, {heads.key_id(PUBLIC): PUBLIC}, head_of(values, old))
    said = Said(head_of(values, old + more), PUBLIC, old, tuple(tree.consistency(old, old + more)))
    after, taken = judge(before, said)
    assert (after.last.seq, taken.new) == (old + more, more > 0)
    at = data.draw(st.integers(0, old - 1))
    forged = [*values[:at], b"f" * 32, *values[at + 1 :]]
    fork = Tree(forged)
    proof = tuple(fork.consistency(old, old + more))
    with pytest.raises(LedgerDamaged):
        judge(before, Said(head_of(forged, old + more), PUBLIC, old, proof))
    with pytest.raises(LedgerDamaged):
        judge(before, dataclasses.replace(said, head=head_of(values, old + more, OTHER_KEY)))
