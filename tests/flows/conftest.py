"""The command line as a user calls it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Gengxun = Callable[..., Ran]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "GENGXUN"))}
    return {**kept, "GENGXUN_LANG": "en", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def gengxun() -> Gengxun:
    def run(*arguments: object, cwd: Path, lang: str = "en", timeout: float = 240) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *map(str, arguments)],
            cwd=cwd,
            env=environment() | {"GENGXUN_LANG": lang},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def workspace(gengxun: Gengxun, tmp_path: Path) -> Path:
    assert gengxun("init", tmp_path / "ws", cwd=tmp_path).code == 0
    return tmp_path / "ws"
