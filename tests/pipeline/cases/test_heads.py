"""Merkle trees against the definition of RFC 6962 written out, heads against every changed letter."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import InputError
from pipeline.cases import heads
from pipeline.cases.heads import EMPTY, Frontier, Head, Mark, Tree, extends, includes

AT = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()


def sha(data):
    return hashlib.sha256(data).digest()


def leaves(n):
    return [sha(b"%d" % i) for i in range(n)]


def defined(data):
    """MTH of RFC 6962, 2.1, word by word."""
    if not data:
        return sha(b"")
    if len(data) == 1:
        return sha(b"\x00" + data[0])
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha(b"\x01" + defined(data[:k]) + defined(data[k:]))


# --- the tree ----------------------------------------------------------------------------------


def test_three_leaves_by_hand():
    a, b, c = leaves(3)
    left = sha(b"\x01" + sha(b"\x00" + a) + sha(b"\x00" + b))
    assert Tree([a, b, c]).root() == sha(b"\x01" + left + sha(b"\x00" + c))
    assert Tree([a, b, c]).inclusion(2, 3) == [left]
    assert Tree([a, b, c]).consistency(2, 3) == [sha(b"\x00" + c)]


def test_known_roots_of_the_reference_tree():
    """The eight inputs and roots that implementations of RFC 6962 test with."""
    inputs = [b"", b"\0", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58)),
              bytes(range(0x60, 0x70))]  # fmt: skip
    tree = Tree(inputs)
    assert tree.root(0) == EMPTY == sha(b"")
    assert tree.root(1).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root(8).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100])
def test_every_beginning_has_the_root_of_the_definition(n):
    data = leaves(n)
    tree, frontier = Tree(data), Frontier()
    for size in range(n + 1):
        assert tree.root(size) == frontier.root() == defined(data[:size])
        if size < n:
            frontier.append(data[size])


def test_all_proofs_up_to_forty_leaves_hold_and_are_short():
    data = leaves(40)
    tree = Tree(data)
    for size in range(1, 41):
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert includes(data[index], index, size, proof, tree.root(size))
            assert len(proof) <= (size - 1).bit_length()
        for old in range(size + 1):
            proof = tree.consistency(old, size)
            assert extends(old, tree.root(old), size, tree.root(size), proof)
            assert len(proof) <= (size - 1).bit_length() + 1


@given(st.integers(1, 300), st.data())
@settings(deadline=None)
def test_an_inclusion_proof_holds_for_nothing_else(size, data):
    tree, values = Tree(leaves(size)), leaves(size + 1)
    index = data.draw(st.integers(0, size - 1))
    proof, root = tree.inclusion(index, size), tree.root()
    other = data.draw(st.integers(0, size).filter(lambda i: i != index))
    assert includes(values[index], index, size, proof, root)
    assert not includes(values[other], index, size, proof, root)
    assert not includes(values[index], other, size, proof, root)
    assert not includes(values[index], index, size, [*proof, root], root)
    assert not includes(values[index], index, size, proof, sha(root))
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not includes(values[index], index, size, proof[:at] + proof[at + 1 :], root)
        changed = [*proof[:at], sha(proof[at]), *proof[at + 1 :]]
        assert not includes(values[index], index, size, changed, root)


@given(st.integers(1, 200), st.data())
@settings(deadline=None)
def test_no_proof_shows_that_a_rewritten_past_is_extended(size, data):
    """Every leaf of the old tree matters: the honest proof of the forged tree does not fit the old root."""
    values = leaves(size)
    old = data.draw(st.integers(1, size))
    at = data.draw(st.integers(0, old - 1))
    honest = Tree(values)
    forged = Tree([*values[:at], sha(b"forged"), *values[at + 1 :]])
    proof = forged.consistency(old, size)
    assert extends(old, forged.root(old), size, forged.root(), proof)
    assert not extends(old, honest.root(old), size, forged.root(), proof)
    assert not extends(old, honest.root(old), size, forged.root(), honest.consistency(old, size))


@given(st.integers(2, 200), st.data())
@settings(deadline=None)
def test_a_consistency_proof_holds_for_nothing_else(size, data):
    tree = Tree(leaves(size))
    old = data.draw(st.integers(1, size - 1))
    proof = tree.consistency(old, size)
    root, old_root = tree.root(), tree.root(old)
    at = data.draw(st.integers(0, len(proof) - 1))
    assert extends(old, old_root, size, root, proof)
    for wrong in (proof[:at] + proof[at + 1 :], [*proof, root], [*proof[:at], sha(proof[at]), *proof[at + 1 :]]):
        assert not extends(old, old_root, size, root, wrong)
    assert not extends(size, root, old, old_root, proof)  # a cut tail


def test_what_is_not_in_the_tree_is_an_error():
    tree = Tree(leaves(5))
    for call in (
        lambda: tree.root(6),
        lambda: tree.inclusion(5, 5),
        lambda: tree.inclusion(0, 6),
        lambda: tree.consistency(4, 3),
    ):
        with pytest.raises(ValueError, match=r"\d"):
            call()


# --- heads -------------------------------------------------------------------------------------


def head(**fields):
    made = Head("1" * 20, 1234, "ab" * 32, "cd" * 32, AT, 7, "ef" * 32, "")
    return heads.sign(dataclasses.replace(made, **fields), KEY)


def test_a_signed_head_is_known_by_its_key_only():
    assert heads.signed_by(head(), PUBLIC)
    assert not heads.signed_by(head(), OTHER_KEY.public_key().public_bytes_raw())
    assert head().key == heads.key_id(PUBLIC) == hashlib.sha256(PUBLIC).hexdigest()[:20]


OTHER = {
    "workspace": "2" * 20,
    "seq": 1235,
    "hash": "ac" * 32,
    "root": "ce" * 32,
    "at": AT + timedelta(seconds=1),
    "evidence_count": 8,
    "evidence_digest": "e0" * 32,
    "key": heads.key_id(OTHER_KEY.public_key().public_bytes_raw()),
    "signature": head(seq=1).signature,
}


@pytest.mark.parametrize("name", list(Head.__dataclass_fields__))
def test_every_field_of_a_head_is_signed(name):
    changed = dataclasses.replace(head(), **{name: OTHER[name]})
    assert not heads.signed_by(changed, PUBLIC)


def test_a_head_goes_through_json_and_one_line():
    text = heads.to_text(head())
    assert "\n" not in text
    assert len(text) < 320
    assert heads.from_text(text) == heads.from_json(json.loads(json.dumps(heads.to_json(head())))) == head()
    assert heads.mark(head()) == "1234-" + "ab" * 10


def test_what_a_person_keeps_is_read_whatever_its_form():
    one, text, mark = head(), heads.to_text(head()), heads.mark(head())
    assert heads.read(text + "\n") == heads.read(json.dumps({"head": heads.to_json(one), "mark": mark})) == [one]
    assert heads.read(mark) == [Mark(1234, "ab" * 10)]
    both = json.dumps(heads.to_json(head(seq=1))) + "\n" + json.dumps({"head": heads.to_json(one)}) + "\n"
    assert heads.read('{"witness": 1}\n' + both) == [head(seq=1), one]
    for wrong in ("", "GX1 a b", text[:-60], "12-abc", '{"seq": 1}', '{"witness": 1}\n'):
        with pytest.raises(InputError):
            heads.read(wrong)


@given(st.data())
@settings(deadline=None)
def test_any_changed_letter_of_the_line_is_seen(data):
    text = heads.to_text(head())
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0aAzZ-_19 "))
    changed = text[:at] + letter + text[at + 1 :]
    try:
        got = heads.from_text(changed)
    except InputError:
        return
    assert got == head() or not heads.signed_by(got, PUBLIC)


def test_the_digest_of_evidence_knows_no_order_and_no_repetition():
    a, b = "0a" * 32, "0b" * 32
    assert heads.evidence_digest([b, a, b]) == heads.evidence_digest([a, b]) != heads.evidence_digest([a])
    by_hand = hashlib.sha256(b"gengxun ledger evidence v1\n" + bytes.fromhex(a + b)).hexdigest()
    assert heads.evidence_digest([b, a]) == by_hand


def test_a_key_is_handed_on_by_the_old_one_only():
    new = OTHER_KEY.public_key().public_bytes_raw()
    made = heads.succeed("1" * 20, new, AT, KEY)
    assert heads.succeeded(made, PUBLIC)
    assert not heads.succeeded(made, new)
    assert heads.succession_from_json(json.loads(json.dumps(heads.succession_json(made)))) == made
    third = Ed25519PrivateKey.from_private_bytes(b"t" * 32).public_key().public_bytes_raw()
    for fields in ({"workspace": "2" * 20}, {"public_key": third.hex()}, {"at": AT + timedelta(days=1)}):
        assert not heads.succeeded(dataclasses.replace(made, **fields), PUBLIC)
