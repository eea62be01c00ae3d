"""[io] How the columns of a source are taken, kept by name in the workspace: ``mappings/NAME.toml``.

kind = "APPROVED"
crs = "EPSG:4526"            # may be left out, as layer and code_system may

[columns]                    # ours = theirs
PZWH = "批复文号"
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from geodata import atomic
from geodata.errors import InputError
from geodata.layers import Kind

FOLDER = "mappings"
_TEXTS = ("crs", "layer", "code_system")


@dataclass(frozen=True)
class Taken:
    """A mapping. kind: of layers it is for. columns: {OURS: THEIRS}. crs, layer, code_system: as of ``layer add``."""

    kind: Kind
    columns: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    layer: str | None = None
    code_system: str | None = None

    def over(self, kept: Taken) -> Taken:
        """What is said now goes before what is kept."""
        columns = {**kept.columns, **self.columns}
        return Taken(
            self.kind, columns, self.crs or kept.crs, self.layer or kept.layer, self.code_system or kept.code_system
        )


def read(root: Path, name: str, kind: Kind) -> Taken:
    """Raises: InputError for one that is not there, cannot be read, or is for another kind."""
    path = _path(root, name)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        held = ", ".join(sorted(p.stem for p in (root / FOLDER).glob("*.toml"))) or "–"
        raise InputError("--mapping {name}: is not held; held are {held}.", name=name, held=held) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("{path}: cannot be read as TOML: {error}; mend that line.", path=path, error=error) from None
    columns = told.get("columns", {})
    texts = [told.get(key) for key in _TEXTS]
    if not (isinstance(columns, dict) and all(isinstance(v, str) for v in columns.values())) or not all(
        text is None or isinstance(text, str) for text in texts
    ):
        raise InputError("{path}: columns, crs, layer and code_system are texts; mend it.", path=path)
    if told.get("kind") != kind:
        raise InputError(
            "--mapping {name}: is for {held}, not for {kind}.", name=name, held=told.get("kind", "–"), kind=str(kind)
        )
    return Taken(kind, columns, *texts)


def write(root: Path, name: str, mapping: Taken) -> Path:
    """Under that name, replacing what it was. Raises: InputError for a name that is no plain one."""
    path = _path(root, name)
    lines = [f"kind = {_quoted(mapping.kind)}"]
    lines += [f"{key} = {_quoted(value)}" for key in _TEXTS if (value := getattr(mapping, key))]
    lines += ["", "[columns]", *(f"{_quoted(ours)} = {_quoted(theirs)}" for ours, theirs in mapping.columns.items())]
    path.parent.mkdir(exist_ok=True)
    atomic.write_bytes(path, ("\n".join(lines) + "\n").encode())
    return path


def _path(root: Path, name: str) -> Path:
    check(name)
    return root / FOLDER / f"{name}.toml"


def check(name: str) -> None:
    """Raises: InputError for a name that is no plain one."""
    if not re.fullmatch(r"[\w\u4e00-\u9fff][\w\u4e00-\u9fff .-]{0,60}", name):
        raise InputError("{name}: no name for a mapping; use letters, digits, - and _.", name=name[:80])


def _quoted(text: str) -> str:
    return json.dumps(str(text), ensure_ascii=False)  # a basic string of TOML is one of JSON
