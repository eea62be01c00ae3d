"""What a run of gengxun gave, and how to run it inside this process."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """gengxun inside this process. given: what stands on its standard input. machine: whose keys it has."""

    def call(*arguments: object, cwd: Path, lang: str = "en", given: str = "", machine: str = "keys") -> Ran:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with monkeypatch.context() as here:
            here.chdir(cwd)
            here.setenv("GENGXUN_LANG", lang)
            here.setenv("GENGXUN_KEYS", str(tmp_path / machine))
            here.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
            here.setattr(sys, "stdout", out)
            here.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as left:
                main([str(one) for one in arguments])
        texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
        return Ran(left.value.code, *texts)

    return call
