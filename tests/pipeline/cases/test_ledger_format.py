"""Every value in docs/ledger-format.md, recomputed from what the page says, with hashlib and one signature library."""

import base64
import hashlib
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipeline.cases import heads, verifier
from pipeline.cases.events import GENESIS, canonical_bytes, row_hash
from pipeline.cases.walk import Walk, same_record

PAGE = (Path(__file__).parents[3] / "docs" / "ledger-format.md").read_text(encoding="utf-8")


def blocks(tag):
    return re.findall(rf"^```{tag}\n(.*?)^```$", PAGE, re.M | re.S)


def sha(data):
    return hashlib.sha256(data).hexdigest()


EVENTS = [json.loads(line) for line in blocks("jsonl")[0].splitlines()]
PROOFS, HEAD = (json.loads(block) for block in blocks("json"))


def test_the_canonical_bytes_are_those_printed():
    printed = blocks("canonical")[0].encode()
    assert canonical_bytes(EVENTS[1]) == printed
    assert sha(printed) == EVENTS[1]["hash"]


def test_every_hash_and_link_follows_from_the_page():
    order = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|", PAGE, re.M)
    columns = [name for pair in order for name in pair if name][:12]
    previous = sha(b"gengxun ledger genesis v1\n")
    assert previous == GENESIS
    for row in EVENTS:
        data = b"gengxun ledger event v1\n"
        for name in columns[:-1]:
            value = row[name]
            tag = "n" if value is None else "i" if isinstance(value, int) else "s"
            text = ("" if value is None else str(value)).encode()
            data += f"{name} {tag} {len(text)}\n".encode() + text + b"\n"
        assert (columns[-1], row["previous_hash"]) == ("hash", previous)
        assert row["hash"] == sha(data) == row_hash(row) == verifier.event_hash(row)
        previous = row["hash"]


def test_the_tree_and_its_proofs_follow_from_the_page():
    a, b, c = (hashlib.sha256(b"\0" + bytes.fromhex(row["hash"])).digest() for row in EVENTS)
    two = hashlib.sha256(b"\1" + a + b).digest()
    assert two.hex() == PROOFS["root_of_two"]
    assert hashlib.sha256(b"\1" + two + c).hexdigest() == HEAD["root"]
    assert PROOFS["inclusion"]["proof"] == [a.hex(), c.hex()]
    assert PROOFS["consistency"]["proof"] == [c.hex()]


def test_the_head_follows_from_the_page():
    first, last = EVENTS[0]["hash"], EVENTS[-1]["hash"]
    (file,) = json.loads(EVENTS[-1]["evidence"])
    assert HEAD["workspace"] == sha(b"gengxun ledger workspace v1\n" + bytes.fromhex(first))[:20]
    assert HEAD["evidence_digest"] == sha(b"gengxun ledger evidence v1\n" + bytes.fromhex(file))
    assert (HEAD["seq"], HEAD["hash"], HEAD["evidence_count"]) == (3, last, 1)
    public = bytes.fromhex(re.search(r"by the key `([0-9a-f]{64})`", PAGE)[1])
    assert HEAD["key"] == sha(public)[:20]
    signed = "gengxun ledger head v1\n" + "".join(f"{k} {v}\n" for k, v in HEAD.items() if k != "signature")
    assert signed == blocks("signed")[0]
    Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(HEAD["signature"]), signed.encode())
    line, mark = (block.strip() for block in blocks("text"))
    words = line.split(" ")
    assert [words[0], *words[1:3], words[5], words[6], words[8]] == [
        "GX1", HEAD["workspace"], "3", HEAD["at"], "1", HEAD["key"]]  # fmt: skip
    assert base64.urlsafe_b64decode(words[3] + "=").hex() == HEAD["hash"]
    assert mark == f"3-{HEAD['hash'][:20]}"
    head = heads.from_json(HEAD)
    assert heads.from_text(line) == head
    assert heads.signed_by(head, public)
    walk = Walk()
    for row in EVENTS:
        walk.take(row)
    assert same_record(head, walk.head(head.at))
