"""[io] Where the original bytes of evidence lie: one file for one content, named by its sha256."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from geodata.words import Text


@dataclass(frozen=True)
class Stored:
    """The receipt: what it names is on the disk for good. size in bytes; new: it was not held before."""

    sha256: str
    size: int
    media_type: str
    path: Path
    new: bool = True


class EvidenceStore:
    """``root/ab/<sha256>``; nothing in it is ever changed or deleted."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def add(self, source: bytes | str | os.PathLike[str], name: str = "") -> Stored:
        """Keep the bytes of ``source`` (a path, or the bytes themselves; ``name`` for sentences)."""
        raise NotImplementedError

    def path(self, sha256: str) -> Path:
        raise NotImplementedError

    def read(self, sha256: str) -> bytes:
        raise NotImplementedError

    def hashes(self) -> Iterator[str]:
        """All sha256 held, sorted."""
        raise NotImplementedError

    def count(self) -> int:
        return sum(1 for _ in self.hashes())

    def check(self, expected: Iterable[str] = ()) -> Iterator[tuple[str, Text]]:
        """(sha256 or name, what is wrong) of every file that is not what its name says."""
        raise NotImplementedError
