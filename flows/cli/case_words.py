"""How steps, people and values are written on the command line: in either language, ``NAME:ROLE``, ``key=value``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from geodata.errors import InputError, MissingOption
from geodata.words import LANGUAGES, language, tr
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Actor, Kind, Role
from pipeline.cases.given import BATCH_ONLY, BY_PERSONS, number, papers, slug
from pipeline.cases.rules import SHOTS
from pipeline.cases.standards import Standards
from pipeline.cases.table import ROLE_WORDS, STEP_WORDS

SPOKEN: Mapping[str, Kind] = {
    "派发": Kind.DISPATCHED, "下发": Kind.DISPATCHED, "核查": Kind.VERDICT, "核实": Kind.VERDICT,
    "责令": Kind.ORDERED, "上报": Kind.REPORTED, "整改上报": Kind.REPORTED, "验收": Kind.ACCEPTED,
    "销号": Kind.ACCEPTED, "立案": Kind.PROCEEDING, "移送": Kind.TRANSFER, "不成立": Kind.DISMISSED,
    "拍照": Kind.EVIDENCE, "举证": Kind.EVIDENCE, "中止": Kind.PAUSED, "恢复": Kind.RESUMED,
    "dispatch": Kind.DISPATCHED, "dismiss": Kind.DISMISSED, "assign": Kind.ASSIGNED, "postpone": Kind.POSTPONED,
    "order": Kind.ORDERED, "extend": Kind.EXTENDED, "pause": Kind.PAUSED, "resume": Kind.RESUMED,
    "report": Kind.REPORTED, "accept": Kind.ACCEPTED, "reopen": Kind.REOPENED, "correct": Kind.CORRECTED,
}  # fmt: skip


STRUCTURED = ("parcels", "recheck", "scene", "late", "due", "papers", "officers", "penalties", "items", "copied_to")
"""Fields that hold more than one value, and may be given as JSON."""


def kind_of(word: str) -> Kind:
    """Raises: InputError naming the steps there are."""
    said = word.strip().casefold()
    for kind in Kind:
        names = {kind.value.casefold(), slug(kind)} | {tr(STEP_WORDS[kind], lang).casefold() for lang in LANGUAGES}
        if said in names:
            return _not_from_outside(kind, word)
    if said in SPOKEN:
        return SPOKEN[said]
    raise InputError(
        "{word}: is no step of a case; known are {known}.",
        word=word,
        known=", ".join(slug(k) for k in BY_PERSONS if k not in BATCH_ONLY),
    )


def _not_from_outside(kind: Kind, word: str) -> Kind:
    if kind in BATCH_ONLY or kind not in BY_PERSONS:
        raise InputError(
            "{word}: comes with a patch and is not told by hand; see gengxun inspect, gengxun batch add.", word=word
        )
    return kind


def actor(said: str | None) -> Actor:
    """``NAME:ROLE``, the role by its key or its name. Raises: MissingOption, InputError."""
    roles = ", ".join(role.value for role in Role if role is not Role.SYSTEM)
    if not said:
        raise MissingOption("say who does it with --as NAME:ROLE; roles are {roles}.", roles=roles)
    name, colon, role = said.replace("：", ":").rpartition(":")
    name, role = name.strip(), role.strip()
    key = role_key(role)
    if not (colon and name) or key not in set(Role) or key == Role.SYSTEM:
        raise InputError("--as {said}: write NAME:ROLE, as in 李外业:field_inspector; roles are {roles}.", said=said,
                         roles=roles)  # fmt: skip
    return Actor(name, str(Role(key)))


def role_key(said: str) -> str:
    """The key of a role given by its key or its name; anything else as it stands."""
    by_word = {tr(text, lang): key for key, text in ROLE_WORDS.items() for lang in LANGUAGES}
    return by_word.get(said, said.casefold().replace("-", "_").replace(" ", "_"))


def fields(pairs: Iterable[str]) -> dict[str, Any]:
    """``key=text`` and ``key:=JSON``; a number where the key ends with its unit. Raises: InputError naming the pair."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        name = key.removesuffix(":").strip()
        if not equals or not name.isidentifier():
            raise InputError("{pair}: write field=value, as in reason=雨季.", pair=pair)
        if name in found:
            raise InputError("{pair}: {name} is given twice.", pair=pair, name=name)
        if key.endswith(":") and name not in STRUCTURED:
            raise InputError("{pair}: {name} is a text; write {name}=….", pair=pair, name=name)
        found[name] = _json(pair, value) if key.endswith(":") else value.strip()
        if name.endswith(("_m2", "_yuan")) and not isinstance(found[name], int | float):
            found[name] = number(name, found[name])
    return found


def _json(pair: str, value: str) -> Any:
    try:
        return json.loads(value, parse_constant=float.fromhex)
    except ValueError as error:
        raise InputError("{pair}: is no JSON ({why}); write field=text, or mend it.", pair=pair, why=error) from None


def photo(said: str) -> tuple[str, str]:
    """``FILE[:shot]`` → (file, shot); a colon that no kind of shot follows belongs to the name."""
    name, colon, word = said.replace("：", ":").rpartition(":")
    names = {tr(text, lang): key for key, text in SHOT_NAMES.items() for lang in LANGUAGES}
    shot = names.get(word.strip(), word.strip().casefold())
    return (name, shot) if colon and shot in SHOTS else (said, "other")


def shots() -> str:
    """The kinds of photo by key and name."""
    return "、".join(f"{key} {tr(name)}" for key, name in SHOT_NAMES.items())


def document(said: str, rules: Standards) -> tuple[str, str]:
    """``KEY=FILE`` → (key, file); a paper may be called by its name. Raises: InputError."""
    key, equals, file = said.partition("=")
    known = papers(rules)
    named = {name: k for k, text in known.items() for name in text.values()}
    key = named.get(key.strip(), key.strip())
    if not (equals and key and file):
        raise InputError("--document {said}: write KEY=FILE, as in acceptance_sheet=sheet.pdf.", said=said)
    if key not in known:
        raise InputError(
            "--document {said}: {key} is no paper that a step asks for; known are {known}.",
            said=said,
            key=key,
            known="、".join(f"{k} {text[language()]}" for k, text in known.items()),
        )
    return key, file
