"""What a form of the portal is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.datastructures import QueryParams

from geodata.words import Text, both
from maps.style import capital
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Event
from pipeline.cases.rules import Standards


@dataclass(frozen=True)
class Field:
    """type: text, area, date, datetime, month, number, select, multiple, yesno. groups: (name of the group,
    options), "" for none; options are (value, words)."""

    name: str
    label: Text
    type: str = "text"
    required: bool = False
    groups: tuple[tuple[Text | None, tuple[tuple[str, Text], ...]], ...] = ()
    hint: Text | None = None
    value: str = ""


@dataclass(frozen=True)
class Choice:
    """What must be chosen before the form can be drawn."""

    key: str
    name: Text
    hint: Text
    href: str
    missing: Text | None = None


@dataclass(frozen=True)
class Paper:
    key: str
    name: Text
    held: bool


@dataclass(frozen=True)
class StepForm:
    """hidden: what goes along unseen. photos: kinds of shot that may be uploaded with it. blocked: why it would
    be refused now, whatever is typed."""

    event: str
    title: Text
    action: Text
    roles: tuple[Text, ...]
    fields: tuple[Field, ...] = ()
    hidden: tuple[tuple[str, str], ...] = ()
    choices: tuple[Choice, ...] = ()
    picked: str = ""
    photos: tuple[tuple[str, Text], ...] = ()
    papers: tuple[Paper, ...] = ()
    any_paper: tuple[tuple[str, Text], ...] = ()
    parts_file: bool = False
    more: bool = False
    notes: tuple[Text, ...] = ()
    gates: tuple[Mapping[str, Any], ...] = ()
    blocked: Text | None = None
    primary: bool = False


@dataclass(frozen=True)
class Impossible:
    """A step that is none now, and why."""

    name: Text
    why: Text


@dataclass(frozen=True)
class Asking:
    """What the forms are made for. picked: event → what was chosen for it."""

    case: Case
    part: Part
    role: str
    rules: Standards
    today: date
    events: Sequence[Event]
    picked: Mapping[str, str]
    papers: Mapping[str, Text]
    address: str


def labels_of(form: StepForm | None) -> dict[str, Text]:
    """{name: label} of the fields of a form."""
    return {"part": both("part of the case"), **{one.name: one.label for one in (form.fields if form else ())}}


def by_labels(sentence: str, labels: Mapping[str, Text], lang: str) -> str:
    """A refusal names a field as a command line takes it (name=…, name=value, --name); on a page by its label."""
    for name, label in labels.items():
        told = f"“{capital(label[lang])}”"
        sentence = re.sub(rf"\b{name}=…(?: ?[(（]{re.escape(label[lang])}[)）])?|--{name}\b", told, sentence)
        sentence = re.sub(rf"\b{name}=", f"{told} ", sentence)
        sentence = sentence.replace(f" {told}", told) if lang == "zh" else sentence
    return sentence


def text_field(name: str, label: str, *, required: bool = False, type: str = "text", hint: str = "") -> Field:
    return Field(name, both(label), type, required, hint=both(hint) if hint else None)


def pick_href(asking: Asking, event: str, key: str) -> str:
    return f"{asking.address}?{QueryParams({'do': event, 'pick': key})}#do-{event}"
