"""The proof of ``tests/benchmarks/phones.py``, small: a bad line, a server killed with -9, nothing lost or doubled."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks import phones


@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_phones_on_a_bad_line_and_a_killed_server_store_every_photo_once(tmp_path: Path) -> None:
    found = phones.run(tmp_path / "ws", phones=3, photos=2, size=300_000, kills=1)
    assert found["refused"] == []
    assert found["stored_once"] == found["hashes_equal"] == found["acknowledged_and_stored"] == 6
    assert found["receipts_that_differ"] == 0
    assert found["left_over"] == 0
    assert found["ledger_ok"]
