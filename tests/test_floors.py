"""The house stands as designed: floors, doors to the outside, errors drawn as they are."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from geodata import errors

ROOT = Path(__file__).parents[1]
PACKAGES = ("geodata", "pipeline", "maps", "flows")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
OUTSIDE = {
    "os",
    "socket",
    "subprocess",
    "shutil",
    "tempfile",
    "sqlite3",
    "urllib",
    "rasterio",
    "fiona",
    "pyogrio",
}


def test_imports_go_down_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports() == 0


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_files_marked_io_touch_the_outside(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = ast.get_docstring(tree) or ""
    if "migrations" in path.parts or (path.name == "__init__.py" and not said.startswith("[io]")):
        assert not imported(tree) & OUTSIDE
        return
    assert said, "every file says what it is"
    if not said.startswith("[io]"):
        assert not imported(tree) & OUTSIDE
        assert not re.search(
            r"(?<![\w.])open\(|\.read_text\(|\.read_bytes\(|\.write_text\(|\.write_bytes\(", path.read_text()
        )


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"(?:├──|└──|^ {4})\s*([A-Z]\w+)", errors.__doc__ or "", re.M)
    real = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.GengXunError)
    ]
    assert sorted(drawn) == sorted(real)


def test_every_user_mistake_has_exit_code_2() -> None:
    assert errors.GengXunError("x").exit_code == 1
    assert all(sub("x").exit_code == 2 for sub in [errors.InputError, *errors.InputError.__subclasses__()])


def test_every_dependency_is_pinned() -> None:
    pins = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=\[;! ]", one)[0].lower().replace("_", "-") for one in wanted}
    names.discard("gengxun")  # one extra names another
    assert names <= pins
    assert "://" not in (ROOT / "constraints.txt").read_text()
