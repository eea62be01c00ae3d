"""What the things of a case are called on its page, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geodata.words import Text, both
from pipeline.cases.proceeding_law import words as law_words
from pipeline.cases.rules import OUTCOMES, Standards
from pipeline.clues import source_name

RECHECK_WORDS: Mapping[str, str] = {
    "restored": "restored", "not_restored": "not restored", "cannot_tell": "cannot tell",
}  # fmt: skip

LOOK_WORDS: Mapping[str, str] = {
    "agrees": "agrees",
    "disagrees": "no longer there",
    "seasonal": "suspected seasonal change",
    "otherwise": "not so in this season of an earlier year",
    "unclear": "cannot tell",
}

DUE_WORDS: Mapping[str, str] = {"check": "to check", "rectify": "to put right", "accept": "to accept"}


def verdict_name(payload: Mapping[str, Any], rules: Standards) -> Text:
    """非农违法 · 工矿商服 · 硬化."""
    rule = rules.verdicts.get(str(payload.get("verdict")))
    if rule is None:
        return both(str(payload.get("verdict")))
    sub, use = str(payload.get("sub") or ""), str(payload.get("use") or "")
    names: list[Text] = [rule.name, *([rule.subs[sub]] if sub in rule.subs else [])]
    if use in rule.uses.get(sub, {}):
        names.append(rule.uses[sub][use])
    return joined(names, " · ")


def closing_name(key: object, rules: Standards) -> Text:
    rule = rules.closings.get(str(key))
    return rule.name if rule else both(str(key))


def outcome_name(key: object) -> Text:
    return both(OUTCOMES.get(str(key), str(key)))


def recheck_word(verdict: object) -> Text:
    return both(RECHECK_WORDS.get(str(verdict), str(verdict)))


def look_word(verdict: object) -> Text:
    return both(LOOK_WORDS.get(str(verdict), str(verdict)))


def due_word(what: object) -> Text:
    return both(DUE_WORDS.get(str(what), str(what)))


def clue_text(p: Mapping[str, Any]) -> Text:
    """上级下发图斑，批次 2026Q4，编号 TB-7."""
    source = source_name(str(p.get("source")))
    return both("{source}, batch {batch}, number {id}", source=source, batch=p.get("batch"), id=p.get("clue_id"))


def leniency_words(facts: Iterable[Mapping[str, Any]]) -> list[Text]:
    """初次违法：是."""
    word = {True: "yes", False: "no", None: "not known"}
    return [both("{name}: {holds}", name=f["name"], holds=both(word[f["holds"]])) for f in facts]


def paper(key: str) -> Text:
    """A paper by the key of its type."""
    for kind in ("proceeding", "transfer"):
        named = law_words(kind).of("papers", key)
        if named["en"] != key:
            return named
    return both(key) if key else both("paper")


def joined(texts: Sequence[Text], between: str = "、") -> Text:
    english = ", " if between == "、" else between
    return {"zh": between.join(t["zh"] for t in texts), "en": english.join(t["en"] for t in texts)}


def unique(texts: Sequence[Text]) -> list[Text]:
    return list({text["en"]: text for text in texts}.values())
