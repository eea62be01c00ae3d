"""A Merkle tree over the hashes of events, hashed as RFC 6962 (2.1) says, with its two proofs.

A leaf is the hash of one event (32 bytes); leaf number i (from 0) is the event with seq i + 1.
Inclusion: this event is in the ledger that has this root. Consistency: the ledger of this root
begins with the whole ledger of that earlier root. Both are of some log2(n) hashes and are checked
without the ledger (RFC 9162, 2.1.3.2 and 2.1.4.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

SIZE = 32
EMPTY = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """Only the right edge of a growing tree: its root at any moment, in the memory of log2(n) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # roots of the full subtrees, the largest first

    def append(self, leaf: bytes) -> None:
        node = leaf_hash(leaf)
        size = self.size
        while size & 1:
            node = node_hash(self._edge.pop(), node)
            size >>= 1
        self._edge.append(node)
        self.size += 1

    def root(self) -> bytes:
        return _fold(self._edge)


class Tree:
    """The whole tree: the root of every beginning of it, and the proofs. 64 bytes a leaf."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0]) // SIZE

    def append(self, leaf: bytes) -> None:
        node, level = leaf_hash(leaf), 0
        while True:
            if level == len(self._levels):
                self._levels.append(bytearray())
            nodes = self._levels[level]
            nodes += node
            if len(nodes) // SIZE % 2:
                return
            node = node_hash(bytes(nodes[-2 * SIZE : -SIZE]), node)
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """Of the first ``size`` leaves (None: of all). Raises: ValueError if there are fewer."""
        return self._root(0, self._checked(len(self) if size is None else size))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that leaf ``index`` is in the tree of the first ``size`` leaves. Raises: ValueError."""
        if not 0 <= index < self._checked(size):
            raise ValueError(f"leaf {index} is not among {size}")
        return self._path(index, 0, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """Proof that the tree of ``size`` leaves begins with that of ``old``; empty for old 0. Raises: ValueError."""
        if not 0 <= old <= self._checked(size):
            raise ValueError(f"{old} leaves are not the beginning of {size}")
        return self._subproof(old, 0, size, True) if old else []

    def _checked(self, size: int) -> int:
        if not 0 <= size <= len(self):
            raise ValueError(f"there are {len(self)} leaves, not {size}")
        return size

    def _root(self, start: int, size: int) -> bytes:
        """Of ``size`` leaves from ``start``, which must be a multiple of the largest power of 2 in ``size``."""
        edge = []
        while size:
            level = size.bit_length() - 1
            at = (start >> level) * SIZE
            edge.append(bytes(self._levels[level][at : at + SIZE]))
            start += 1 << level
            size -= 1 << level
        return _fold(edge)

    def _path(self, index: int, start: int, size: int) -> list[bytes]:
        if size == 1:
            return []
        half = _split(size)
        if index < half:
            return [*self._path(index, start, half), self._root(start + half, size - half)]
        return [*self._path(index - half, start + half, size - half), self._root(start, half)]

    def _subproof(self, old: int, start: int, size: int, known: bool) -> list[bytes]:
        """known: the verifier has the root of this range, being the whole old tree."""
        if old == size:
            return [] if known else [self._root(start, size)]
        half = _split(size)
        if old <= half:
            return [*self._subproof(old, start, half, known), self._root(start + half, size - half)]
        return [*self._subproof(old - half, start + half, size - half, False), self._root(start, half)]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does ``proof`` show that ``leaf`` stands at ``index`` in the tree of ``size`` leaves with ``root``?"""
    if not 0 <= index < size:
        return False
    node, at, last = leaf_hash(leaf), index, size - 1
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(other, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, other)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def extends(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Does ``proof`` show that the tree of ``size`` leaves with ``root`` begins with that of ``old``?"""
    if not 0 <= old <= size:
        return False
    if old == 0:
        return not proof and old_root == EMPTY
    if old == size:
        return not proof and old_root == root
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    path = [*([old_root] if at == 0 else []), *proof]  # a full old tree is itself the first node
    if not path:
        return False
    earlier = later = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            earlier, later = node_hash(other, earlier), node_hash(other, later)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            later = node_hash(later, other)
        at, last = at >> 1, last >> 1
    return last == 0 and earlier == old_root and later == root


def _fold(edge: Sequence[bytes]) -> bytes:
    if not edge:
        return EMPTY
    node = edge[-1]
    for left in reversed(edge[:-1]):
        node = node_hash(left, node)
    return node


def _split(size: int) -> int:
    """The largest power of 2 below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
