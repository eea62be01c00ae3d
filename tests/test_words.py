"""Every sentence a user can meet has its Chinese, with the same fields."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

from geodata import errors, words

ROOT = Path(__file__).parents[1]
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"Wrong", "StepRefused", "refuse"}
CALLS = {"tr", "both", "_"} | ERRORS


def literal(node: ast.expr) -> str | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def msgids() -> dict[str, str]:
    """{msgid: where it stands}: from calls in Python, and ``_("…")`` in templates."""
    found: dict[str, str] = {}
    for package in words.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                    text = literal(node.args[0])
                    if name in CALLS and text and name != "Wrong":
                        found[text] = f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / package).rglob("*.j2"):
            for quote, text in re.findall(r"""\b_\((["'])(.*?)\1""", path.read_text(encoding="utf-8")):
                found[text.replace("\\" + quote, quote)] = str(path.relative_to(ROOT))
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_has_its_chinese() -> None:
    known = words.catalogue()
    missing = {
        text: where
        for text, where in msgids().items()
        if text not in known and re.search(r"[A-Za-z]{3}", text) and not re.search(r"[\u4e00-\u9fff]", text)
    }
    assert not missing


def test_both_languages_have_the_same_fields() -> None:
    different = {text: zh for text, zh in words.catalogue().items() if fields(text) != fields(zh)}
    assert not different
