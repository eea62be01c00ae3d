"""[io] ``gengxun serve`` and ``gengxun user``: the portal and its accounts."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import click

from flows import serve as serving
from flows import settings
from flows.cli import Command, Group, case_words, emit, say
from flows.cli.data import JSON
from geodata.days import day_of
from geodata.errors import InputError
from geodata.words import language, tr
from maps.portal import areas, people
from maps.style import moment
from pipeline.cases.events import Role
from pipeline.cases.table import role_name

LOCAL = ("127.0.0.1", "localhost", "::1")
ROLES = [role.value for role in Role if role is not Role.SYSTEM]


@click.command(
    cls=Command, help=tr("The portal of this workspace, until stopped: pages, forms, files and field links.")
)
@click.option("--host", help=tr("Address to listen on; left out: gengxun.toml, else this machine only."))
@click.option("--port", type=click.IntRange(1, 65535), help=tr("Port to listen on."))
@click.option("--workers", type=click.IntRange(1, 32), help=tr("Processes that answer."))
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    office = settings.find()
    given = office.settings.portal
    host, port, workers = host or given.host, port or given.port, workers or given.workers
    office.ledger.close()  # made, or refused in a sentence, before anything listens
    store = serving.store_of(office)
    if not any(not one.disabled for one in people.accounts(store)):
        say(tr("Nobody can sign in yet; add a person: gengxun user add NAME --role ROLE"))
    store.close()
    serving.check_port(host, port)
    if host not in LOCAL and not given.public_url.startswith("https:"):
        say(tr("Listening beyond this machine without https: pass phrases cross the network unprotected, and phones"
               " withhold position and offline use; set [portal] public_url and put https in front."))  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    click.echo(tr("open in a browser: {path}", path=given.public_url or f"http://{shown}:{port}/"))
    serving.serve(office, host, port, workers)


@click.group(cls=Group, help=tr("Accounts of the portal: add, list, disable, reset."))
def user() -> None:
    pass


def _by() -> str:
    """Who works at this machine, for the journal."""
    try:
        return f"{getpass.getuser()} (gengxun user)"
    except (KeyError, OSError):
        return "gengxun user"


@user.command("add", help=tr("A new account; its first pass phrase is printed once."))
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE", help=tr("One of {roles}.", roles=", ".join(ROLES)))
@click.option(
    "--district",
    "districts",
    multiple=True,
    metavar="CODE",
    help=tr("Only this district (beginning of its code), may be repeated; left out: the whole bureau."),
)
@JSON
def add(name: str, role: str, districts: tuple[str, ...], as_json: bool) -> None:
    workspace = settings.find()
    store = serving.store_of(workspace)
    areas.check(workspace.editions, day_of(datetime.now(UTC)), districts)
    key = case_words.role_key(role.strip())
    if key not in ROLES:
        raise InputError("--role {role}: is no role; one of {roles}.", role=role[:40], roles=", ".join(ROLES))
    password = people.add(store, name, key, districts, at=datetime.now(UTC), by=_by())
    if key in (Role.DISTRICT_OFFICER, Role.FIELD_INSPECTOR) and not districts:
        say(tr("{name}: sees every district; name theirs with --district CODE.", name=name))
    if as_json:
        return emit({"name": name, "role": key, "districts": list(districts), "password": password})
    click.echo(tr("{name}: first pass phrase {password} (shown this once; to be changed at the first sign-in)",
                  name=name, password=password))  # fmt: skip


@user.command("list", help=tr("All accounts."))
@JSON
def list_(as_json: bool) -> None:
    found = people.accounts(serving.store_of(settings.find()))
    if as_json:
        return emit([
            {"name": one.name, "role": one.role.value, "districts": list(one.districts), "disabled": one.disabled,
             "made_at": _iso(one.made_at), "seen_at": _iso(one.seen_at)}
            for one in found
        ])  # fmt: skip
    for one in found:
        seen = tr("last signed in {at}", at=moment(one.seen_at)) if one.seen_at else tr("never signed in")
        closed = tr("disabled") if one.disabled else ""
        where = " ".join(one.districts) or tr("the whole bureau")
        click.echo("  ".join(filter(None, (one.name, role_name(one.role)[language()], where, seen, closed))))


@user.command("disable", help=tr("Close an account; whoever has signed in with it is out at once."))
@click.argument("name")
@click.option("--enable", is_flag=True, help=tr("Open it again."))
def disable(name: str, enable: bool) -> None:
    store = serving.store_of(settings.find())
    people.disable(store, name, at=datetime.now(UTC), by=_by(), disabled=not enable)
    click.echo(tr("{name}: may sign in again", name=name) if enable else tr("{name}: disabled", name=name))


@user.command("reset", help=tr("A new first pass phrase, printed once; sessions and tokens of the account end."))
@click.argument("name")
@JSON
def reset(name: str, as_json: bool) -> None:
    password = people.reset(serving.store_of(settings.find()), name, at=datetime.now(UTC), by=_by())
    if as_json:
        return emit({"name": name, "password": password})
    click.echo(tr("{name}: first pass phrase {password} (shown this once; to be changed at the first sign-in)",
                  name=name, password=password))  # fmt: skip


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
