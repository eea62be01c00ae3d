"""[io] Field links: who may open which cases until when, with what secret.

The secret is ``<key id><nonce><tag>``: the tag is an HMAC over purpose, workspace, link and nonce, so
that a forged one, one of another link or workspace, or one made for another purpose fails before the
store is asked. Of the secret and of the cookies it is exchanged for only sha256 is stored. Every
request asks the store: a revocation holds from the next request on, in every worker.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import sqlalchemy as sa

from geodata.errors import InputError
from geodata.words import language
from maps.portal.link_keys import LinkKeys
from maps.portal.store import Store, attempts, journal, metadata

PURPOSE = b"gengxun field link v1\n"
COOKIE = "gx_link"
SECRET = re.compile(r"([0-9a-f]{8})([A-Za-z0-9_-]{32})([A-Za-z0-9_-]{22})")
MOST_DAYS = 60
MOST_CASES = 50
KEPT = timedelta(days=30)
"""How long after its end a device is still told that its link ended, rather than that it is none."""

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
    sa.Column("revoked_by", sa.Text, nullable=False, default=""),
    sa.Column("opened", sa.Integer, nullable=False, default=0),
    sa.Column("opened_at", sa.Float),
)
link_cases = sa.Table(
    "link_cases",
    metadata,
    sa.Column("link", sa.Text, primary_key=True),
    sa.Column("case", sa.Text, primary_key=True, index=True),
    sa.Column("n", sa.Integer, nullable=False),
)
link_sessions = sa.Table(
    "link_sessions",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("link", sa.Text, nullable=False, index=True),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)


class BadLink(Exception):
    """No such link, not its secret, revoked: one and the same answer."""


class LinkOver(Exception):
    """The valid secret or cookie of a link that has expired."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.id)
        self.link = link


@dataclass(frozen=True)
class Link:
    """to: who holds it. opened: by how many devices. key: id of the key that it was made with."""

    id: str
    to: str
    cases: tuple[str, ...]
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str
    opened: int
    opened_at: datetime | None
    key: str

    def state(self, now: datetime) -> str:
        """ "live", "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "live"


Stands = Callable[[Link], bool]
"""Whether the maker of a link may still give it (``link_makers.stands``)."""


class AlreadyMade(InputError):
    """The same form was sent again."""


def make(
    store: Store, keys: LinkKeys, *, cases: Sequence[str], to: str, by: str, days: float, at: datetime, once: str = ""
) -> tuple[Link, str]:
    """A link and its secret, which is nowhere kept. Who calls has made sure that ``by`` may see the cases.

    ``once`` names the form that asks: the same form sent again makes no second link.

    Raises: InputError, AlreadyMade.
    """
    numbers, to = list(dict.fromkeys(cases)), " ".join(to.split())
    if not numbers or len(numbers) > MOST_CASES:
        raise InputError("A link is for 1 to {most} cases; {n} were named.", most=MOST_CASES, n=len(numbers))
    if not to or len(to) > 60 or not to.isprintable():
        raise InputError("A link is made out to somebody: give a name of at most 60 letters.")
    if not 0 < days <= MOST_DAYS:
        raise InputError("A link lives more than 0 and at most {most} days, not {days}.", most=MOST_DAYS, days=days)
    id = _sha256(f"{by}\n{once}")[:12] if once else secrets.token_hex(6)
    key_id, key = keys.current()
    nonce = secrets.token_urlsafe(24)
    secret = key_id + nonce + _tag(key, keys.workspace, id, nonce)
    with store.writing() as connection:
        if once and _read(connection, links.c.id == id):
            raise AlreadyMade(
                "This form made link {id} already; its address is shown once only. If it was not kept, revoke that "
                "link and make another.",
                id=id,
            )
        row = {"id": id, "sha256": _sha256(secret), "key": key_id, "holder": to, "made_by": by, "opened": 0,
               "made_at": at.timestamp(), "expires_at": (at + timedelta(days=days)).timestamp(),
               "revoked_by": ""}  # fmt: skip
        connection.execute(links.insert().values(row))
        connection.execute(link_cases.insert(), [{"link": id, "case": c, "n": n} for n, c in enumerate(numbers)])
        _note(connection, at, "link made", by, f"{id} → {to}: {' '.join(numbers)}")
        return _read(connection, links.c.id == id)[0], secret


def address(base: str, link: str, secret: str) -> str:
    return f"{base.rstrip('/')}/l/{link}/#{secret}"


def revoke(store: Store, id: str, *, by: str, at: datetime) -> bool:
    """False where there is no such link; revoking it again changes nothing."""
    with store.writing() as connection:
        if not _read(connection, links.c.id == id):
            return False
        now = {"revoked_at": at.timestamp(), "revoked_by": by}
        done = connection.execute(links.update().where(links.c.id == id, links.c.revoked_at.is_(None)).values(now))
        if done.rowcount:
            connection.execute(link_sessions.delete().where(link_sessions.c.link == id))
            _note(connection, at, "link revoked", by, id)
        return True


def exchange(
    store: Store, keys: LinkKeys | None, id: str, secret: str, *, at: datetime, address: str, stands: Stands
) -> str:
    """The cookie of one more device. Raises: BadLink, LinkOver."""
    link = _proved(store, keys, id, secret)
    if link is None or link.revoked_at is not None or not stands(link):
        raise BadLink
    if at >= link.expires_at:
        raise LinkOver(link)
    cookie = secrets.token_urlsafe(32)
    with store.writing() as connection:
        row = {"sha256": _sha256(cookie), "link": id, "made_at": at.timestamp(), "address": address}
        connection.execute(link_sessions.insert().values(row))
        count = {"opened": links.c.opened + 1, "opened_at": at.timestamp()}
        connection.execute(links.update().where(links.c.id == id).values(count))
        connection.execute(link_sessions.delete().where(link_sessions.c.made_at < _oldest(at)))
        _note(connection, at, "link opened", link.to, id, address)
    return cookie


def holder(store: Store, id: str, cookie: str, *, at: datetime, stands: Stands) -> Link:
    """The link that a device holds. Raises: BadLink, LinkOver."""
    held = (link_sessions.c.sha256 == _sha256(cookie)) & (link_sessions.c.link == id)
    with store.reading() as connection:
        session = connection.execute(sa.select(link_sessions.c.link).where(held)).scalar()
        found = _read(connection, links.c.id == id) if session else []
    if not found or found[0].revoked_at is not None or not stands(found[0]):
        raise BadLink
    if at >= found[0].expires_at:
        raise LinkOver(found[0])
    return found[0]


def one(store: Store, id: str) -> Link | None:
    with store.reading() as connection:
        return next(iter(_read(connection, links.c.id == id)), None)


def every(store: Store) -> list[Link]:
    """All links, the newest first."""
    with store.reading() as connection:
        return _read(connection, sa.true())


def of_case(store: Store, number: str) -> list[Link]:
    """The links of one case, the newest first."""
    with store.reading() as connection:
        return _read(connection, links.c.id.in_(sa.select(link_cases.c.link).where(link_cases.c.case == number)))


def to_json(link: Link, state: str) -> dict[str, object]:
    """For ``--json`` and lists; the secret is not known here. state: of ``link_makers.state``."""
    return {
        "id": link.id,
        "to": link.to,
        "cases": list(link.cases),
        "state": state,
        "made_by": link.made_by,
        "made_at": link.made_at.isoformat(),
        "expires_at": link.expires_at.isoformat(),
        "revoked_at": link.revoked_at.isoformat() if link.revoked_at else None,
        "revoked_by": link.revoked_by,
        "opened": link.opened,
        "last_opened_at": link.opened_at.isoformat() if link.opened_at else None,
        "key": link.key,
    }


def qr_svg(text: str) -> str:
    """A QR code as an SVG element, black on nothing; error correction M."""
    import segno

    name = {"zh": "链接的二维码", "en": "QR code of the link"}[language()]
    return segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, omitsize=True, title=name)


def _proved(store: Store, keys: LinkKeys | None, id: str, secret: str) -> Link | None:
    """The link if the secret is its own; the same work is done for every kind of wrong one."""
    parts = SECRET.fullmatch(secret)
    key_id, nonce, tag = parts.groups() if parts else ("0" * 8, "", "")
    key = keys.key(key_id) if keys else None
    right = _tag(key or b"\0" * 32, keys.workspace if keys else "", id, nonce)
    tagged = hmac.compare_digest(right, tag) and key is not None and parts is not None
    with store.reading() as connection:
        stored = connection.execute(sa.select(links.c.sha256).where(links.c.id == id)).scalar()
        same = hmac.compare_digest(stored or "0" * 64, _sha256(secret))
        return _read(connection, links.c.id == id)[0] if tagged and same else None


def _sha256(secret: str) -> str:
    return hashlib.sha256(b"gengxun link secret v1\n" + secret.encode("utf-8", "surrogatepass")).hexdigest()


def _tag(key: bytes, workspace: str, id: str, nonce: str) -> str:
    said = PURPOSE + f"{workspace}\n{id}\n{nonce}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(key, said, "sha256")[:16]).decode().rstrip("=")


def _read(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Link]:
    rows = connection.execute(sa.select(links).where(which).order_by(links.c.made_at.desc(), links.c.id)).mappings()
    found = []
    for row in rows.all():
        cases = sa.select(link_cases.c.case).where(link_cases.c.link == row["id"]).order_by(link_cases.c.n)
        found.append(
            Link(
                id=row["id"],
                to=row["holder"],
                cases=tuple(connection.execute(cases).scalars()),
                made_by=row["made_by"],
                made_at=_time(row["made_at"]),
                expires_at=_time(row["expires_at"]),
                revoked_at=None if row["revoked_at"] is None else _time(row["revoked_at"]),
                revoked_by=row["revoked_by"],
                opened=row["opened"],
                opened_at=None if row["opened_at"] is None else _time(row["opened_at"]),
                key=row["key"],
            )
        )
    return found


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _oldest(at: datetime) -> float:
    return (at - timedelta(days=MOST_DAYS) - KEPT).timestamp()


def _note(connection: sa.Connection, at: datetime, kind: str, who: str, about: str, address: str = "") -> None:
    line = {"at": at.timestamp(), "kind": kind, "who": who, "about": about[:500], "address": address}
    connection.execute(journal.insert().values(line))


class Guesses:
    """How many wrong secrets came lately, by address and by link; counted in the store, by all workers as one.

    Only wrong ones are counted and slowed: whoever has the right secret is served meanwhile, and costs
    nothing here. Who is slowed is kept in memory too, so that going on guessing writes nothing.
    """

    WINDOW_S = 600.0
    MOST: Mapping[str, int] = MappingProxyType({"address": 20, "link": 60})
    KEYS = 20_000

    def __init__(self, most: Mapping[str, int] = MOST) -> None:
        """most: how many of an "address" and of a "link" go unslowed."""
        self.most = most
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def wrong(self, store: Store, address: str, link: str, *, at: datetime) -> int:
        """Count one. Seconds to wait, 0 while there are few."""
        now = at.timestamp()
        keys = {kind: f"guess {kind} {_sha256(value)[:24]}" for kind, value in (("address", address), ("link", link))}
        with self._lock:
            slowed = [until for key in keys.values() if now < (until := self._until.get(key, 0.0))]
        if not slowed:
            with store.writing() as connection:
                over = (attempts.c.last_at < now - self.WINDOW_S) & attempts.c.key.startswith("guess ")
                connection.execute(attempts.delete().where(over))
                found = {key: self._count(connection, kind, key, now) for kind, key in keys.items()}
            slowed = [until for until in found.values() if until > now]
            with self._lock:
                if len(self._until) > self.KEYS:
                    self._until.clear()
                self._until.update({key: until for key, until in found.items() if until > now})
        return int(max(slowed) - now) + 1 if slowed else 0

    def _count(self, connection: sa.Connection, kind: str, key: str, now: float) -> float:
        """Until when it is slowed; 0.0 while there are few."""
        held = connection.execute(sa.select(attempts).where(attempts.c.key == key)).mappings().first()
        begun, n = (held["last_at"], held["failures"] + 1) if held and held["last_at"] <= now else (now, 1)
        until = begun + self.WINDOW_S if n > self.most[kind] else 0.0
        values = {"failures": n, "last_at": begun, "until": until}
        if held:
            connection.execute(attempts.update().where(attempts.c.key == key).values(values))
        else:
            connection.execute(attempts.insert().values(key=key, **values))
        return until
