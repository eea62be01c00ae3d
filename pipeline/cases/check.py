"""[io] Does a workspace hold: its ledger, every head signed of it, the evidence it names, what guards it.

``Ledger.verify`` looks at the record itself. What it cannot see, a cut tail or an older copy put
back, shows against heads: those in ``heads.jsonl``, the last one beside the key if this machine
signs, and those that somebody kept elsewhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from geodata.errors import GengXunError, InputError, LedgerDamaged
from geodata.words import Text, both
from pipeline.cases import heads
from pipeline.cases.audit import Verified
from pipeline.cases.database import open_engine, reading
from pipeline.cases.evidence_store import EvidenceStore
from pipeline.cases.heads import Head, Mark
from pipeline.cases.keys import HEADS, KEYS, Keyring, public_keys, signed_in, stored_heads, stored_rows
from pipeline.cases.ledger import Ledger
from pipeline.cases.walk import ChainBroken, Walk, same_record

EVIDENCE = "evidence"


@dataclass(frozen=True)
class Problem:
    """seq: the event from which it matters; None where it is of no event."""

    seq: int | None
    text: Text


@dataclass(frozen=True)
class Checked:
    """record: of the ledger alone. first_bad: the first event that does not fit, by any of the checks.
    heads: how many were compared. evidence: how many files. signed: the newest head of heads.jsonl."""

    ok: bool
    events: int
    first_bad: int | None
    head: str
    record: Verified
    problems: tuple[Problem, ...]
    notices: tuple[Text, ...]
    heads: int
    evidence: int
    signed: Head | None


def check(
    ledger: Ledger,
    root: Path,
    kept: Sequence[Head | Mark] = (),
    *,
    pinned: Sequence[Head] | None = None,
    held: Collection[str] | None = None,
) -> Checked:
    """The whole workspace ``root``, every file of evidence read. kept: heads from elsewhere.

    pinned: of this machine, where they were asked for before (``signed_here``). held: these files of evidence
    were read already, wherever they are.

    Raises: LedgerDamaged if the ledger cannot be read to its end.
    """
    own, wrong = stored_heads(root)  # before the events: what is signed meanwhile is not missed in them
    problems = [Problem(None, both("{file}, line {line}: is no head.", file=HEADS, line=n)) for n in wrong]
    record = _record(ledger)
    if not record.ok:
        what = ", ".join(record.differences[:3])
        if record.first_bad is None:
            text = both("The tables of the ledger hold what cannot be read ({what}).", what=what)
        else:
            text = both("The record does not fit from event {seq} on ({what}).", seq=record.first_bad, what=what)
        problems.append(Problem(record.first_bad, text))
    pinned = signed_here(ledger, root) if pinned is None else pinned
    every = [*own, *pinned, *kept]
    walk, stops, broken = _walk(ledger, {one.seq for one in every})
    if broken is not None and record.ok:
        problems.append(Problem(broken, both("Event {seq} names evidence that is no sha256.", seq=broken)))
    unsigned, forged = _signatures(root, own, [one for one in [*pinned, *kept] if isinstance(one, Head)])
    problems += unsigned
    sayings = [one for one in every if one not in forged]  # a forged head says nothing of the events
    problems += _compared([one for one in sayings if broken is None or one.seq < broken], walk, stops)
    problems += _out_of_order(own)
    problems += _guards(ledger)
    problems += _files(root, walk, held)
    bad = [problem.seq for problem in problems if problem.seq is not None]
    return Checked(
        ok=not problems,
        events=record.events,
        first_bad=min(bad, default=None),
        head=record.head,
        record=record,
        problems=tuple(sorted(problems, key=lambda p: (p.seq is None, p.seq or 0))),
        notices=tuple(_notices(root, own, walk.workspace, record.events)),
        heads=len(every),
        evidence=len(walk.evidence),
        signed=own[-1] if own else None,
    )


def _record(ledger: Ledger) -> Verified:
    """What the ledger says of itself; also where values of a wrong kind were put into it."""
    try:
        return ledger.verify()
    except GengXunError:
        raise
    except Exception as error:  # whatever was put there, it is damage to be named and no fault of the program
        walk = Walk()
        broken = None
        with reading(ledger.engine) as connection:
            try:
                for row in stored_rows(connection):
                    walk.take(row)
            except ChainBroken as found:
                broken = found.seq
        what = "events" if broken is not None else f"{type(error).__name__}: {error}"
        return Verified(False, walk.seq, broken, walk.hash, (what,))


def signed_here(ledger: Ledger, root: Path) -> list[Head]:
    """The last head signed on this machine, if it signs for this workspace."""
    try:
        with reading(ledger.engine) as connection:
            first = next(stored_rows(connection), None)
    except LedgerDamaged:
        first = None
    candidates = {heads.workspace_id(first["hash"])} if first and _is_hash(first["hash"]) else set()
    candidates |= {head.workspace for head in stored_heads(root)[0][:1]}  # where event 1 itself was changed
    found = [Keyring(workspace, root).last() for workspace in sorted(candidates)]
    return [head for head in found if head is not None]


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value)


def _walk(ledger: Ledger, wanted: set[int]) -> tuple[Walk, dict[int, Head], int | None]:
    """Along the events as far as they are a chain; what stands at the wanted ones; where the chain breaks."""
    walk, stops, broken = Walk(rehash=False), {}, None
    with reading(ledger.engine) as connection:
        try:
            for row in stored_rows(connection):
                walk.take(row)
                if walk.seq in wanted:
                    stops[walk.seq] = walk.head(datetime.fromtimestamp(0, UTC))
        except ChainBroken as error:
            broken = error.seq
    return walk, stops, broken


def _compared(every: Iterable[Head | Mark], walk: Walk, stops: dict[int, Head]) -> list[Problem]:
    """Each head against what stands at its event. The first bad event lies after the last head that fits."""
    fits = [0]
    problems = []
    for one in sorted(every, key=lambda one: one.seq):
        here = stops.get(one.seq)
        if here is not None and _fits(one, here):
            fits.append(one.seq)
        elif here is not None and isinstance(one, Head) and one.workspace != here.workspace:
            text = both("The head of event {seq} is of workspace {other}, this is {own}: another ledger, or its first "
                        "event was changed.", seq=one.seq, other=one.workspace, own=here.workspace)  # fmt: skip
            problems.append(Problem(1, text))
        elif here is None:
            text = both("Event {seq} was signed, but the ledger goes no further than event {last}: its tail was cut "
                        "or an older copy put back.", seq=one.seq, last=walk.seq)  # fmt: skip
            problems.append(Problem(walk.seq + 1, text))
        else:
            text = both("Event {seq} is not the one that was signed: the record was rewritten after event {good}.",
                        seq=one.seq, good=fits[-1])  # fmt: skip
            problems.append(Problem(fits[-1] + 1, text))
    return _unique(problems)


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    return list({(problem.seq, problem.text["en"]): problem for problem in problems}.values())


def _fits(one: Head | Mark, here: Head) -> bool:
    return here.hash.startswith(one.hash) if isinstance(one, Mark) else same_record(one, here)


def _signatures(root: Path, own: Sequence[Head], others: Sequence[Head]) -> tuple[list[Problem], set[Head]]:
    """What is wrong with them, and the heads whose key is known and did not sign them."""
    known = public_keys(root)
    found, forged = [], set()
    for where, some in ((HEADS, own), ("--head", others)):
        for head in some:
            if head.key not in known:
                text = both("{where}: the head of event {seq} is signed by key {key}, but {file} is missing or not it.",
                            where=where, seq=head.seq, key=head.key, file=f"{KEYS}/{head.key}.pub")  # fmt: skip
                found.append(Problem(None, text))
            elif not heads.signed_by(head, known[head.key]):
                text = both(
                    "{where}: the signature on the head of event {seq} does not fit.", where=where, seq=head.seq
                )
                found.append(Problem(None, text))
                forged.add(head)
    return _unique(found), forged


def _out_of_order(own: Sequence[Head]) -> list[Problem]:
    return [
        Problem(None, both("{file}: the head of event {seq} stands after one of event {before}.", file=HEADS,
                           seq=after.seq, before=before.seq))
        for before, after in pairwise(own)
        if after.seq < before.seq
    ]  # fmt: skip


def _files(root: Path, walk: Walk, held: Collection[str] | None) -> list[Problem]:
    """Every file of the store, read and hashed; and every one that the events name."""
    if held is None:
        wrong: Iterable[tuple[str, Text]] = EvidenceStore(root / EVIDENCE).check(walk.evidence)
    else:
        wrong = [(sha256, both("The file is missing.")) for sha256 in walk.evidence if sha256 not in held]
    found = []
    for name, what in wrong:
        seq = walk.evidence.get(name)
        text = both("Evidence {name}, event {seq}: {what}", name=name, seq=seq or "–", what=what)
        found.append(Problem(seq, text))
    return found


# --- what guards the tables --------------------------------------------------------------------

COVERED = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
"""Bits of pg_trigger.tgtype."""
ENABLED = (
    "SELECT tgtype FROM pg_trigger WHERE tgrelid = 'events'::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')"
)


def _guards(ledger: Ledger) -> list[Problem]:
    """Triggers that keep the events append-only: all there, none changed, none added."""
    with reading(ledger.engine) as connection:
        if connection.dialect.name == "postgresql":
            return _guards_of_postgresql(connection)
        held = _triggers(connection)
    wanted = _triggers_of_a_new_ledger()
    return _unguarded(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))


@cache
def _triggers_of_a_new_ledger() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Path(folder) / "new.db")
        with reading(engine) as connection:
            found = _triggers(connection)
        engine.dispose()
    return found


def _unguarded(names: Iterable[str]) -> list[Problem]:
    found = []
    for name in sorted(names):
        found.append(Problem(None, both("The trigger {name} of the ledger was dropped, changed or added.", name=name)))
    return found


def _triggers(connection: sa.Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return dict(rows.tuples().all())


def _guards_of_postgresql(connection: sa.Connection) -> list[Problem]:
    types = list(connection.exec_driver_sql(ENABLED).scalars())
    return _unguarded(name for name, bit in COVERED.items() if not any(kind & bit for kind in types))


def _notices(root: Path, own: Sequence[Head], workspace: str, events: int) -> list[Text]:
    found: list[Text] = []
    if events and not own:
        found.append(both("The ledger was never signed: only its own chain was checked. Sign it: gengxun ledger head"))
    if own and own[-1].seq < events:
        found.append(both("{count} events since the last signed head (event {seq}).", count=events - own[-1].seq,
                          seq=own[-1].seq))  # fmt: skip
    for other in signed_in(root):
        if other != workspace:
            found.append(both("Workspace {other} was signed in this folder before; this ledger is another one.",
                              other=other))  # fmt: skip
    for path in sorted(root.glob("heads.lost-*.jsonl")):
        found.append(both("{file}: signed heads of events that were given up as lost.", file=path.name))
    return found


def kept_heads(said: str) -> list[Head | Mark]:
    """What ``--head`` names: a file or the text itself. Raises: InputError."""
    return heads.read(text_of(said))


def text_of(said: str) -> str:
    """The text in the file ``said``, or ``said`` itself where there is no such file. Raises: InputError."""
    path = Path(said)
    try:
        return path.read_text(encoding="utf-8-sig") if len(said) < 250 and path.is_file() else said
    except (OSError, UnicodeDecodeError):
        raise InputError("{path}: cannot be read as text; name a file that holds a head.", path=said) from None
