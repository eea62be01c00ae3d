"""[io] A network that was brought along, as it lies on disk: ``net.onnx``, and its card ``net.toml`` beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from geodata.errors import MissingOption, UnreadableFile
from geodata.safe import local_file

LARGEST_BYTES = 2**31 - 1
"""What one message of the format can hold."""


@dataclass(frozen=True, eq=False)
class NetFile:
    """path, card_path: for sentences. data: the network's bytes. card: text of the card."""

    path: str
    data: bytes
    card_path: str
    card: str


def read(path: str | os.PathLike[str], minimal: str) -> NetFile:
    """minimal: what the least card says, for the sentence where there is none.

    Raises: UnreadableFile, MissingOption where the card is not there.
    """
    found = local_file(path)
    beside = found.with_suffix(".toml")
    if not found.is_file() or found.stat().st_size > LARGEST_BYTES:
        raise UnreadableFile("{path}: is no file of a network (at most 2 GB); name an .onnx file.", path=path)
    if not beside.is_file():
        raise MissingOption(
            "{path}: has no card; write {card} beside it, with at least {minimal}.",
            path=path,
            card=beside.name,
            minimal=minimal,
        )
    try:
        return NetFile(Path(path).name, found.read_bytes(), beside.name, beside.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("{path}: cannot be read ({error}).", path=path, error=error) from None
