"""[io] Words in two languages: Chinese first, English one switch away.

A msgid is the English text with ``{named}`` fields. Each package keeps its Chinese
in ``<package>/locale/*.po``; a msgid without an entry is shown in English.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
PACKAGES = ("geodata", "pipeline", "maps", "flows")
Text = Mapping[str, str]
"""One sentence in both languages: ``{"zh": …, "en": …}``."""

_language: ContextVar[str | None] = ContextVar("language", default=None)


def language() -> str:
    """The language now in use: what ``use()`` set, else GENGXUN_LANG, else LANG; else Chinese."""
    said = _language.get() or os.environ.get("GENGXUN_LANG")
    if not said:
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            if os.environ.get(name):
                said = os.environ[name]
                break
    return "en" if (said or "").lower().startswith("en") else "zh"


def use(lang: str | None) -> None:
    """Set the language of this context; ``None`` goes back to the environment's."""
    _language.set(lang)


@cache
def catalogue() -> dict[str, str]:
    """All Chinese entries, msgid → text."""
    from babel.messages.pofile import read_po

    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((Path(__file__).parent.parent / package / "locale").glob("*.po")):
            with path.open("rb") as stream:
                for message in read_po(stream):
                    if isinstance(message.id, str) and message.id and message.string:
                        found[message.id] = str(message.string)
    return found


def tr(msgid: str, lang: str | None = None, /, **fields: object) -> str:
    """``msgid`` in ``lang`` (default: the language in use), its fields filled in.

    A field that is itself a ``Text`` is shown in the same language.
    """
    lang = lang or language()
    text = catalogue().get(msgid, msgid) if lang == "zh" else msgid
    if not fields:
        return text
    shown = {k: v[lang] if isinstance(v, Mapping) and lang in v else v for k, v in fields.items()}
    return text.format(**shown)


def both(msgid: str, **fields: object) -> dict[str, str]:
    """``msgid`` in both languages, for what is stored and read later by either kind of reader."""
    return {lang: tr(msgid, lang, **fields) for lang in LANGUAGES}
