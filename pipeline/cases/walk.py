"""Going along the events in their order: chain checked, tree grown, evidence counted. One place for all that do."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import insort
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.cases.events import GENESIS, row_hash
from pipeline.cases.heads import EVIDENCE_DOMAIN, Frontier, Head, Tree, evidence_digest, workspace_id

HASH = re.compile(r"[0-9a-f]{64}")


class ChainBroken(Exception):
    """The event at place ``seq`` is missing or not what was written."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


class Walk:
    """Takes the rows of ``events`` one by one, as they are stored.

    tree: keep all hashes for proofs (64 bytes an event). rehash: False where every hash was
    checked already; sequence and links always are.
    """

    def __init__(self, *, tree: bool = False, rehash: bool = True) -> None:
        self.seq, self.hash, self.workspace = 0, GENESIS, ""
        self.tree: Tree | None = Tree() if tree else None
        self.evidence: dict[str, int] = {}
        """{hash of a file: seq of the first event that names it}"""
        self._frontier, self._rehash = Frontier(), rehash
        self._files: list[bytes] = []  # the same hashes, sorted
        self._digest: tuple[int, str] = (0, evidence_digest(()))

    def take(self, row: Mapping[Any, Any]) -> None:
        """Raises: ChainBroken, where nothing after it can be trusted."""
        seq, own = self.seq + 1, row["hash"]
        if row["seq"] != seq or row["previous_hash"] != self.hash or not isinstance(own, str):
            raise ChainBroken(seq)
        if not HASH.fullmatch(own) or (self._rehash and own != row_hash(row)):
            raise ChainBroken(seq)
        leaf = bytes.fromhex(own)
        self._frontier.append(leaf)
        if self.tree is not None:
            self.tree.append(leaf)
        if seq == 1:
            self.workspace = workspace_id(own)
        for sha256 in _evidence(row["evidence"], seq):
            if sha256 not in self.evidence:
                self.evidence[sha256] = seq
                insort(self._files, bytes.fromhex(sha256))
        self.seq, self.hash = seq, own

    def head(self, at: datetime) -> Head:
        """What stands here now, unsigned."""
        return Head(
            workspace=self.workspace,
            seq=self.seq,
            hash=self.hash,
            root=self._frontier.root().hex(),
            at=at.astimezone(UTC).replace(microsecond=0),
            evidence_count=len(self.evidence),
            evidence_digest=self.digest(),
            key="",
        )

    def digest(self) -> str:
        """``evidence_digest`` of what was named so far; asked for at every head, sorted once."""
        if self._digest[0] != len(self._files):
            whole = hashlib.sha256(EVIDENCE_DOMAIN + b"".join(self._files)).hexdigest()
            self._digest = len(self._files), whole
        return self._digest[1]


def _evidence(text: Any, seq: int) -> list[str]:
    if text == "[]":
        return []
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        raise ChainBroken(seq) from None
    if not isinstance(found, list) or not all(isinstance(one, str) and HASH.fullmatch(one) for one in found):
        raise ChainBroken(seq)
    return found


def same_record(head: Head, here: Head) -> bool:
    """Does ``head`` say the same of the ledger as ``here`` (time, key and signature aside)?"""
    names = ("workspace", "seq", "hash", "root", "evidence_count", "evidence_digest")
    return all(getattr(head, name) == getattr(here, name) for name in names)
