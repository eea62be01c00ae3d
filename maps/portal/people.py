"""[io] Accounts, pass phrases, sessions, tokens and the lock on the door.

Argon2id with 32 MiB; whoever asks for an unknown name waits as long as for a wrong word. An attempt
is counted before it is looked at, so that many at once are no way round.
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from geodata.errors import InputError
from maps.portal.store import Store, attempts, journal, noted_enough, sessions, sha256, tokens, users
from pipeline.cases.events import Role

HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_DUMMY = HASHER.hash(secrets.token_urlsafe(16))
_AT_ONCE = threading.BoundedSemaphore(4)
"""Memory is bounded: no more than so many are hashed at a time."""

SHORTEST = 10
LONGEST = 256
FREE = {"pair": 5, "address": 20, "user": 30}
"""Wrong attempts that cost nothing: of one name from one address, of one address, of one name."""
FIRST_WAIT_S, LONGEST_WAIT_S, FORGOTTEN_S = 15.0, 900.0, 86_400.0
KNOWN_S = 30 * 86_400.0
"""Whoever signed in from an address within this time is not kept out by what others try there, or try of the name
elsewhere: behind a proxy that is not set all have one address."""
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Account:
    name: str
    role: Role
    districts: tuple[str, ...]
    disabled: bool
    must_change: bool
    made_at: float
    seen_at: float | None


@dataclass(frozen=True)
class Locked:
    """Too many attempts; the next one is looked at after so many seconds."""

    seconds: int


def cleaned(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def add(
    store: Store,
    name: str,
    role: str,
    districts: Sequence[str] = (),
    *,
    at: datetime,
    by: str = "",
    password: str | None = None,
) -> str:
    """A new account; its first pass phrase, which has to be changed at the first sign-in (not where
    ``password`` is given). Raises: InputError."""
    name, known = cleaned(name), [r.value for r in Role if r is not Role.SYSTEM]
    if not name or len(name) > 60 or any(unicodedata.category(c)[0] == "C" for c in name) or ":" in name:
        raise InputError("{name}: is no name; write 1 to 60 characters, no colon among them.", name=name or "–")
    if role not in known:
        raise InputError("{role}: is no role of an account; one of {known}.", role=role, known=", ".join(known))
    areas = _areas(districts)
    first = password or new_password()
    row = {
        "name": name, "role": role, "districts": ",".join(areas), "password": hashed(first),
        "must_change": password is None, "disabled": False, "made_at": at.timestamp(), "seen_at": None,
    }  # fmt: skip
    with store.writing() as connection:
        if connection.execute(sa.select(users.c.name).where(users.c.name == name)).first():
            raise InputError("{name}: there is such an account already; choose another name.", name=name)
        connection.execute(users.insert().values(row))
        _note(connection, at, "user_added", by, f"{name} {role} {row['districts']}".strip())
    return first


def accounts(store: Store) -> list[Account]:
    with store.reading() as connection:
        rows = connection.execute(sa.select(users).order_by(users.c.name)).mappings().all()
    return [_account(row) for row in rows]


def account(store: Store, name: str) -> Account:
    """Raises: InputError where there is none."""
    found = account_or_none(store, name)
    if found is None:
        raise InputError("{name}: there is no such account; see: gengxun user list", name=name)
    return found


def account_or_none(store: Store, name: str) -> Account | None:
    with store.reading() as connection:
        row = connection.execute(sa.select(users).where(users.c.name == cleaned(name))).mappings().first()
    return None if row is None else _account(row)


def disable(store: Store, name: str, *, at: datetime, by: str = "", disabled: bool = True) -> None:
    """No sign-in from now on, sessions and tokens end at once; or (False) sign-in is possible again."""
    found = account(store, name)
    with store.writing() as connection:
        connection.execute(users.update().where(users.c.name == found.name).values(disabled=disabled))
        if disabled:
            _end_all(connection, found.name, at)
        _note(connection, at, "user_disabled" if disabled else "user_enabled", by, found.name)


def reset(store: Store, name: str, *, at: datetime, by: str = "", password: str | None = None) -> str:
    """A new first pass phrase, to be changed as in ``add``; sessions and tokens end at once, and the lock of this
    name is opened."""
    found, first = account(store, name), password or new_password()
    values = {"password": hashed(first), "must_change": password is None}
    with store.writing() as connection:
        connection.execute(users.update().where(users.c.name == found.name).values(values))
        _end_all(connection, found.name, at)
        connection.execute(attempts.delete().where(attempts.c.key == _keys(found.name, "")["user"]))
        _note(connection, at, "user_reset", by, found.name)
    return first


def change(
    store: Store, name: str, *, at: datetime, by: str = "", role: str | None = None,
    districts: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Another role or other districts; it counts from the next request on. Raises: InputError."""
    found, known = account(store, name), [r.value for r in Role if r is not Role.SYSTEM]
    if role is not None and role not in known:
        raise InputError("{role}: is no role of an account; one of {known}.", role=role, known=", ".join(known))
    values: dict[str, Any] = {} if role is None else {"role": role}
    if districts is not None:
        values["districts"] = ",".join(_areas(districts))
    if values:
        with store.writing() as connection:
            connection.execute(users.update().where(users.c.name == found.name).values(values))
            _note(connection, at, "user_changed", by, f"{found.name} {values}")


def new_word(
    store: Store, name: str, old: str, new: str, *, at: datetime, keep: str = "", address: str = ""
) -> Locked | None:
    """Change one's own pass phrase; all other sessions end. keep: secret of the session that stays.

    A wrong old one counts as a wrong sign-in; Locked: it was not looked at. Raises: InputError where the old one is
    wrong or the new one too short or too easy."""
    keys = _keys(name, address)
    with store.writing() as connection:
        wait = _counted(connection, name, address, at.timestamp())
        if wait is not None:
            return Locked(wait)
        held = connection.execute(sa.select(users.c.password).where(users.c.name == name)).scalar()
    if not fits(held, old):
        store.note(at, "refused", name, "password", address)
        raise InputError("The present pass phrase is not right; write it again.")
    with store.writing() as connection:
        _forgiven(connection, keys)
    if not SHORTEST <= len(new) <= LONGEST or len(set(new)) < 5 or name.lower() in new.lower() or new == old:
        raise InputError(
            "The new pass phrase is too easy; write {n} characters or more, other than before and without your name.",
            n=SHORTEST,
        )
    with store.writing() as connection:
        values = {"password": hashed(new), "must_change": False}
        connection.execute(users.update().where(users.c.name == name).values(values))
        others = (sessions.c.user == name) & (sessions.c.sha256 != sha256(keep))
        connection.execute(sessions.delete().where(others))
        _note(connection, at, "password_changed", name, name)
    return None


def sign_in(store: Store, name: str, password: str, *, at: datetime, address: str) -> str | Locked | None:
    """The secret of a new session; None: name or word are wrong; Locked: not looked at."""
    name, now = cleaned(name)[:60], at.timestamp()
    keys = _keys(name, address)
    with store.writing() as connection:
        wait = _counted(connection, name, address, now)
        if wait is None:
            row = connection.execute(sa.select(users).where(users.c.name == name)).mappings().first()
        elif not noted_enough(connection, at, "locked", address):
            _note(connection, at, "locked", name, f"{wait} s", address)
    if wait is not None:
        return Locked(wait)
    usable = row is not None and not row["disabled"]
    right = fits(row["password"] if row is not None and usable else _DUMMY, password) and usable
    if not right or row is None:
        store.note(at, "refused", name, "sign-in", address)
        return None
    secret = secrets.token_urlsafe(32)
    with store.writing() as connection:
        _forgiven(connection, keys)
        connection.execute(sessions.delete().where(sessions.c.made_at < now - FORGOTTEN_S * 3))
        connection.execute(attempts.delete().where(attempts.c.last_at < now - FORGOTTEN_S))
        session = {"sha256": sha256(secret), "user": name, "made_at": now, "seen_at": now, "address": address}
        connection.execute(sessions.insert().values(session))
        changed: dict[str, Any] = {"seen_at": now}
        if HASHER.check_needs_rehash(row["password"]):
            changed["password"] = hashed(password)
        connection.execute(users.update().where(users.c.name == name).values(changed))
        _note(connection, at, "signed_in", name, "", address)
    return secret


def of_session(store: Store, secret: str, *, at: datetime, idle_minutes: int, session_hours: int) -> Account | None:
    """Whose session it is; None: unknown, ended, too old, idle for too long, or the account is disabled."""
    now, key = at.timestamp(), sha256(secret)
    with store.reading() as connection:
        joined = sa.select(users, sessions.c.made_at.label("begun"), sessions.c.seen_at.label("last")).join_from(
            sessions, users, sessions.c.user == users.c.name
        )
        row = connection.execute(joined.where(sessions.c.sha256 == key)).mappings().first()
    if row is None or row["disabled"]:
        return None
    if now - row["begun"] > session_hours * 3600 or now - row["last"] > idle_minutes * 60:
        with store.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.sha256 == key))
            _note(connection, at, "timed_out", row["name"], "")
        return None
    if now - row["last"] > min(60.0, idle_minutes * 6):  # a write a minute is enough
        with store.writing() as connection:
            connection.execute(sessions.update().where(sessions.c.sha256 == key).values(seen_at=now))
    return _account(row)


def sign_out(store: Store, secret: str, *, at: datetime, address: str = "") -> None:
    with store.writing() as connection:
        found = connection.execute(sa.select(sessions.c.user).where(sessions.c.sha256 == sha256(secret))).scalar()
        if found:
            connection.execute(sessions.delete().where(sessions.c.sha256 == sha256(secret)))
            _note(connection, at, "signed_out", found, "", address)


def new_token(store: Store, name: str, label: str, *, at: datetime) -> str:
    """A personal token for the API, shown this once. Raises: InputError."""
    label = label.strip()
    if not label or len(label) > 60:
        raise InputError("A token needs a name of 1 to 60 characters, as QGIS 3.40.")
    secret = "gx_" + secrets.token_urlsafe(32)
    row = {"sha256": sha256(secret), "user": name, "label": label, "made_at": at.timestamp()}
    with store.writing() as connection:
        of_user = sa.select(sa.func.count()).where(tokens.c.user == name, tokens.c.revoked_at.is_(None))
        if connection.execute(of_user).scalar_one() >= 20:
            raise InputError("There are 20 tokens already; revoke one first.")
        connection.execute(tokens.insert().values(row))
        _note(connection, at, "token_made", name, label)
    return secret


def tokens_of(store: Store, name: str) -> list[dict[str, Any]]:
    """id, label, made_at, used_at, revoked_at; newest first."""
    columns = [tokens.c[k] for k in ("id", "label", "made_at", "used_at", "revoked_at")]
    with store.reading() as connection:
        found = connection.execute(sa.select(*columns).where(tokens.c.user == name).order_by(tokens.c.id.desc()))
        return [dict(row) for row in found.mappings()]


def revoke_token(store: Store, name: str, id: int, *, at: datetime) -> bool:
    """False where the person has no such token."""
    mine = (tokens.c.id == id) & (tokens.c.user == name) & tokens.c.revoked_at.is_(None)
    with store.writing() as connection:
        done = connection.execute(tokens.update().where(mine).values(revoked_at=at.timestamp())).rowcount
        if done:
            _note(connection, at, "token_revoked", name, str(id))
    return bool(done)


def of_token(store: Store, secret: str, *, at: datetime) -> Account | None:
    """Whose token it is; None: unknown, revoked, or the account is disabled or has its first pass phrase."""
    now = at.timestamp()
    with store.reading() as connection:
        joined = sa.select(users, tokens.c.id, tokens.c.used_at).join_from(tokens, users, tokens.c.user == users.c.name)
        which = (tokens.c.sha256 == sha256(secret)) & tokens.c.revoked_at.is_(None)
        row = connection.execute(joined.where(which)).mappings().first()
    if row is None or row["disabled"] or row["must_change"]:
        return None
    if row["used_at"] is None or now - row["used_at"] > 60:
        with store.writing() as connection:
            connection.execute(tokens.update().where(tokens.c.id == row["id"]).values(used_at=now))
    return _account(row)


def hashed(password: str) -> str:
    with _AT_ONCE:
        return HASHER.hash(_word(password))


def fits(held: str | None, password: str) -> bool:
    """Takes as long where nothing is held."""
    try:
        with _AT_ONCE:
            return HASHER.verify(held or _DUMMY, _word(password)) and held is not None
    except (Argon2Error, InvalidHashError):
        return False


def new_password() -> str:
    """Four groups of four: 79 bits, no letters that look alike."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def _word(password: str) -> bytes:
    return unicodedata.normalize("NFC", password)[:LONGEST].encode("utf-8", "surrogatepass")


def _areas(districts: Sequence[str]) -> list[str]:
    for code in districts:
        if not re.fullmatch(r"[0-9]{2,12}", code):
            raise InputError("{code}: is no code of a district or township; write digits, as 430321.", code=code)
    return sorted(set(districts))


def _account(row: Any) -> Account:
    districts = tuple(code for code in row["districts"].split(",") if code)
    return Account(
        row["name"], Role(row["role"]), districts, row["disabled"], row["must_change"], row["made_at"], row["seen_at"]
    )


def _keys(name: str, address: str) -> dict[str, str]:
    """Names are hashed: people type their pass phrase into the wrong field."""
    return {"pair": sha256(f"{name}\n{address}"), "address": f"address {address}", "user": f"user {sha256(name)}"}


def _counted(connection: sa.Connection, name: str, address: str, now: float) -> int | None:
    """Seconds to wait, or None: this attempt is counted and may be looked at."""
    keys = _keys(name, address)
    held = {
        row["key"]: row
        for row in connection.execute(sa.select(attempts).where(attempts.c.key.in_(keys.values()))).mappings()
    }
    until = {what: held[key]["until"] if key in held else 0.0 for what, key in keys.items()}
    if max(until.values()) > now:
        if until["pair"] > now or not _known(connection, name, address, now):
            return int(max(until.values()) - now) + 1
        keys = {"pair": keys["pair"]}
    for what, key in keys.items():
        row = held.get(key)
        failures = 1 if row is None or now - row["last_at"] > FORGOTTEN_S else row["failures"] + 1
        over = failures - FREE[what]
        wait = 0.0 if over < 0 else min(FIRST_WAIT_S * 2 ** min(over, 10), LONGEST_WAIT_S)
        values = {"failures": failures, "last_at": now, "until": now + wait}
        if row is None:
            connection.execute(attempts.insert().values(key=key, **values))
        else:
            connection.execute(attempts.update().where(attempts.c.key == key).values(values))
    return None


def _known(connection: sa.Connection, name: str, address: str, now: float) -> bool:
    line = journal.c
    here = (line.at > now - KNOWN_S) & (line.kind == "signed_in") & (line.who == name) & (line.address == address)
    return connection.execute(sa.select(line.id).where(here).limit(1)).first() is not None


def _forgiven(connection: sa.Connection, keys: dict[str, str]) -> None:
    """The word was right: what was counted of the name goes, and this attempt of the address."""
    connection.execute(attempts.delete().where(attempts.c.key.in_([keys["pair"], keys["user"]])))
    fewer = sa.case((attempts.c.failures > 0, attempts.c.failures - 1), else_=0)
    connection.execute(attempts.update().where(attempts.c.key == keys["address"]).values(failures=fewer))


def _end_all(connection: sa.Connection, name: str, at: datetime) -> None:
    connection.execute(sessions.delete().where(sessions.c.user == name))
    running = (tokens.c.user == name) & tokens.c.revoked_at.is_(None)
    connection.execute(tokens.update().where(running).values(revoked_at=at.timestamp()))


def _note(connection: sa.Connection, at: datetime, kind: str, who: str, about: str, address: str = "") -> None:
    line = {"at": at.timestamp(), "kind": kind, "who": who, "about": about[:500], "address": address}
    connection.execute(journal.insert().values(line))
