"""README says what is there, in both languages alike."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from flows.cli import COMMANDS
from flows.settings import Settings
from maps.portal.access import LARGEST_UPLOAD
from pipeline.cases.events import Role

ROOT = Path(__file__).parents[1]
READMES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")}
PAIRS = [("README.md", "README.zh-CN.md"), ("docs/portal.md", "docs/portal.zh-CN.md")]


@pytest.mark.parametrize("name", READMES)
def test_every_command_and_setting_is_named(name: str) -> None:
    text = READMES[name]
    assert [c for c in COMMANDS if f"`gengxun {c}" not in text] == []
    settings = [(s.name, f.name) for s in fields(Settings) for f in fields(s.default_factory())]
    assert [(s, f) for s, f in settings if f"`[{s}]`" not in text or f"`{f}`" not in text] == []


@pytest.mark.parametrize("name", READMES)
def test_every_picture_and_link_is_there(name: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", READMES[name])
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_shape(pair: tuple[str, str]) -> None:
    def shape(text: str) -> list[str]:
        marks = [re.match(r"(#+ |\| |\d\. |- |```|!\[)", line) for line in text.splitlines()]
        return [m.group(1).strip() for m in marks if m]

    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in pair)
    assert shape(english) == shape(chinese)

    def code(text: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```\n(.*?)```", text, re.S)]

    assert code(english) == code(chinese)


def test_pictures_are_light() -> None:
    assert [p.name for p in (ROOT / "docs" / "pictures").iterdir() if p.stat().st_size > 150_000] == []


def test_the_portals_guide_names_every_role() -> None:
    for name in PAIRS[1]:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert [role for role in Role if role is not Role.SYSTEM and f"`{role}`" not in text] == []


@pytest.mark.parametrize("name", PAIRS[1])
def test_the_proxy_of_the_guide_lets_the_largest_package_through(name: str) -> None:
    told = re.search(r"client_max_body_size (\d+)m;", (ROOT / name).read_text(encoding="utf-8"))
    assert told
    assert int(told[1]) * 1024**2 >= LARGEST_UPLOAD


def test_continuous_integration_runs_the_readmes_own_test_command() -> None:
    assert "make test" in READMES["README.md"]
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.M)


def test_make_knows_the_targets_named() -> None:
    named = set(re.findall(r"make (\w+)", READMES["README.md"]))
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert named - {"and"} <= made
