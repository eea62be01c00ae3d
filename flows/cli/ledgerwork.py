"""[io] ``gengxun ledger``, ``verify``, ``backup``, ``restore``: that the record holds, and that anyone can tell."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Command, Group, emit, say
from flows.cli.data import JSON
from flows.progress import step
from geodata import atomic
from geodata.errors import GengXunError, LedgerDamaged, MissingOption
from geodata.words import language, tr
from pipeline.cases import heads
from pipeline.cases.check import Checked, check, kept_heads, text_of
from pipeline.cases.heads import Head

PATH = click.Path(path_type=Path)
URL = re.compile(r"""(^\[ledger\](?:(?!^\[).)*?^url[ \t]*=[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""", re.M | re.S)
"""The value of ``url`` in the section [ledger] of the settings."""


@click.group(cls=Group, help=tr("The ledger: signed heads, a witness elsewhere, export with proof."))
def ledger() -> None:
    pass


@ledger.command("head", help=tr("Sign the ledger as it stands; prints one line to keep elsewhere."))
@click.option("--since", type=int, metavar="SEQ", help=tr("With the proof that it extends event SEQ (with --json)."))
@click.option("--rotate", is_flag=True, help=tr("With a new key, named by the old one."))
@click.option("--after-loss", is_flag=True, help=tr("Signed events are gone for good: go on with a key nobody knows."))
@JSON
def ledger_head(since: int | None, rotate: bool, after_loss: bool, as_json: bool) -> None:
    from pipeline.cases.keys import head_document, keys_folder, sign_now

    office = settings.find()
    with office.ledger as opened:
        signed = sign_now(opened, office.root, rotate=rotate, after_loss=after_loss)
        if signed.new_key:
            say(tr("key {key} made in {folder}; keep a copy of that folder, away from the workspace",
                   key=signed.head.key, folder=keys_folder() / signed.head.workspace))  # fmt: skip
        if signed.after:
            say(tr("signed by key {key}, earlier heads by {old}", key=signed.head.key, old=signed.after))
        if as_json:
            return emit(head_document(opened, office.root, signed.head, since))
    say(tr("{count} events of workspace {workspace}, to be written down: {mark}", count=signed.head.seq,
           workspace=signed.head.workspace, mark=heads.mark(signed.head)))  # fmt: skip
    click.echo(heads.to_text(signed.head))


@ledger.command(
    "witness", help=tr("On another machine: take a head into FILE, unless it does not extend the last one.")
)
@click.argument("file", type=PATH)
@click.option("--head", metavar="FILE|TEXT", help=tr("What `ledger head --json` printed; left out: standard input."))
@click.option("--last", is_flag=True, help=tr("Only print the last head taken."))
@JSON
def ledger_witness(file: Path, head: str | None, last: bool, as_json: bool) -> None:
    from pipeline.cases.witness import take, watched

    if last:
        return _last(watched(file), as_json)
    taken = take(file, _handed_in(head), datetime.now(UTC))
    if as_json:
        return emit({"head": heads.to_json(taken.head), "new": taken.new, "pinned": taken.pinned,
                     "key_changed": taken.key_changed})  # fmt: skip
    if taken.pinned:
        say(tr("key {key} seen for the first time and trusted from now on; compare it with the office's own",
               key=taken.head.key))  # fmt: skip
    if taken.key_changed:
        say(tr("the known key handed on to {key}", key=taken.head.key))
    said = tr("taken: {mark} of {at}") if taken.new else tr("known already: {mark} of {at}")
    click.echo(said.format(mark=heads.mark(taken.head), at=heads.to_json(taken.head)["at"]))


def _last(known: Any, as_json: bool) -> None:
    head: Head | None = known.last if known is not None else None
    if as_json:
        emit(None if head is None else heads.to_json(head))
    elif head is not None:
        click.echo(heads.to_text(head))


def _handed_in(head: str | None) -> str:
    if head is not None:
        return text_of(head)
    if sys.stdin is None or sys.stdin.isatty():
        raise MissingOption(
            "no head was handed in; give --head FILE or pipe in what `gengxun ledger head --json` prints."
        )
    return sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")


@ledger.command(
    "export", help=tr("The whole ledger with its proof into a new folder or zip file, to be checked alone.")
)
@click.argument("path", type=PATH)
@click.option("--evidence", is_flag=True, help=tr("With every file of evidence."))
@JSON
def ledger_export(path: Path, evidence: bool, as_json: bool) -> None:
    from pipeline.cases.proof import export_ledger

    office = settings.find()
    with office.ledger as opened:
        done = export_ledger(opened, office.root, path, evidence=evidence)
    if as_json:
        return emit({"path": str(done.path), "events": done.events, "evidence": done.evidence,
                     "head": heads.to_json(done.head)})  # fmt: skip
    click.echo(tr("{path}: {events} events, {evidence} files of evidence; check it with the verifier.py in it",
                  path=done.path, events=done.events, evidence=done.evidence))  # fmt: skip


@click.command(cls=Command, help=tr("Check ledger, signed heads and evidence; name the first bad record."))
@click.option(
    "--head", "kept", metavar="FILE|TEXT", multiple=True, help=tr("A head kept elsewhere, or a witness's file.")
)
@JSON
def verify(kept: tuple[str, ...], as_json: bool) -> None:
    office = settings.find()
    known = [head for said in kept for head in kept_heads(said)]
    with office.ledger as opened:
        found = check(opened, office.root, known)
    _report(found, as_json, {})
    if not found.ok:
        raise _damage(found)


def _report(found: Checked, as_json: bool, more: dict[str, Any]) -> None:
    if as_json:
        return emit(
            {
                "ok": found.ok,
                "events": found.events,
                "first_bad": found.first_bad,
                "head": found.head,
                "heads": found.heads,
                "evidence": found.evidence,
                "signed": None if found.signed is None else heads.to_json(found.signed),
                "problems": [{"seq": problem.seq, "text": problem.text} for problem in found.problems],
                "notices": list(found.notices),
                **more,
            }
        )
    for notice in found.notices:
        say(notice[language()])
    if found.ok:
        click.echo(tr("intact: {events} events, head {head}", events=found.events, head=found.head))
        click.echo(tr("{heads} signed heads and {evidence} files of evidence fit it", heads=found.heads,
                      evidence=found.evidence))  # fmt: skip
        return None
    if found.first_bad is not None:
        click.echo(tr("broken from event {seq} on", seq=found.first_bad))
    for problem in found.problems:
        click.echo(problem.text[language()])
    return None


def _point(file: Path, url: str) -> None:
    """Let the restored settings name the place where the ledger is now, not the one it was copied from."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if file.is_file() and settings.read(file).ledger.url == url:
        return
    value = json.dumps(url, ensure_ascii=False)
    changed, count = URL.subn(lambda found: found[1] + value, text, count=1)
    atomic.write_bytes(file, (changed if count else f"{text}\n[ledger]\nurl = {value}\n").encode())


def _damage(found: Checked) -> GengXunError:
    if found.first_bad is not None:
        return LedgerDamaged(
            "ledger.db: the record does not fit from event {seq} on; restore a copy, keep this one.",
            seq=found.first_bad,
        )
    return LedgerDamaged(
        "the events are intact, but what proves them is not ({what}); restore a copy, keep this one.",
        what=found.problems[0].text,
    )


@click.command(
    cls=Command, help=tr("Ledger, evidence, heads, settings and accounts into one zip file FILE, while others write.")
)
@click.argument("file", type=PATH)
@JSON
def backup(file: Path, as_json: bool) -> None:
    from pipeline.cases.backup import backup as run

    office = settings.find()
    with office.ledger as opened, step(tr("backing up")) as progress:
        done = run(opened, office.root, file, progress=progress)
    about = {"path": str(done.path), "size_bytes": done.size_bytes, "changed": list(done.changed),
             "portal": done.portal}  # fmt: skip
    if as_json:
        _report(done.checked, True, {**about, "ok": done.ok, "evidence": done.evidence})
    else:
        click.echo(tr("{path}: {events} events, {evidence} files of evidence, {size:.1f} MB", path=done.path,
                      events=done.events, evidence=done.evidence, size=done.size_bytes / 1e6))  # fmt: skip
        if done.portal:
            click.echo(tr("accounts and field links of the portal are in it: guard the file"))
    if not done.ok:
        if not as_json:
            _report(done.checked, False, {})
        for name in done.changed:
            say(tr("Evidence {name} was changed; it is in the backup as it is.", name=name))
        raise LedgerDamaged("{path}: written, but what was backed up is damaged; keep earlier backups.", path=done.path)


@click.command(cls=Command, help=tr("A workspace from the backup FILE in DIR, new or empty; it is checked at the end."))
@click.argument("file", type=PATH)
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--ledger", "url", metavar="URL", help=tr("An empty database for the ledger; left out: ledger.db."))
@JSON
def restore(file: Path, folder: Path, url: str | None, as_json: bool) -> None:
    from pipeline.cases.backup import restore as run

    folder = folder.resolve()
    with step(tr("restoring")):
        found = run(file, folder, url)
    _point(folder / settings.FILE, url or "")
    for name in ("catalog", "inbox/satellite", "inbox/drone"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    portal = (folder / "portal.db").is_file()
    _report(found, as_json, {"path": str(folder), "portal": portal})
    if not found.ok:
        raise _damage(found)
    if not as_json:
        back = tr("accounts and field links are back; people sign in again")
        none = tr("no accounts and field links in this backup; add people: gengxun user add")
        click.echo(back if portal else none)
        say(tr("{path}: restored; add scenes and layers again, they are not in a backup", path=folder))
