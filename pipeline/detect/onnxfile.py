"""What an ONNX file says of other files, read from its bytes alone; pure.

A tensor may keep its values in another file, named by a path (``data_location`` EXTERNAL): a network
of a stranger could so read any file. The format is protocol buffers; of its messages
only those on the way to a tensor are looked into (numbers of fields as in onnx.proto, IR version 3 and later).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TENSOR = "tensor"
WAYS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: TENSOR, 15: "sparse"},
    "sparse": {1: TENSOR, 2: TENSOR},
    "node": {5: "attribute"},
    "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
}
"""message → number of a field → the message in it."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor: what names the other file, and whether it is used."""
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5


def refers_elsewhere(data: bytes) -> bool:
    """Whether any tensor keeps its values in another file. Raises: ValueError where ``data`` is no such message."""
    waiting = [("model", memoryview(data))]
    graphs = 0
    while waiting:
        message, body = waiting.pop()
        graphs += message == "graph"
        for number, value in _fields(body):
            if message == TENSOR:
                if number == EXTERNAL_DATA or (number == DATA_LOCATION and value):
                    return True
            elif number in WAYS[message]:
                if not isinstance(value, memoryview):
                    raise ValueError("a number where a message belongs")
                waiting.append((WAYS[message][number], value))
    if not graphs:
        raise ValueError("no graph")
    return False


def _fields(body: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of the fields of a message. Raises: ValueError."""
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(body, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _varint(body, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError("unknown kind of field")
        if at + length > len(body):
            raise ValueError("cut off")
        yield number, body[at : at + length]
        at += length


def _varint(body: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(body) or shift > 63:
            raise ValueError("cut off")
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
