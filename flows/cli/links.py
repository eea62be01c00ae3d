"""[io] ``gengxun link``: field links for the phone, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from flows import serve, settings
from flows.cli import Group, emit, say
from flows.cli.data import JSON
from geodata import atomic
from geodata.errors import InputError
from geodata.words import tr
from maps import style
from maps.portal import link_keys, link_makers, links, message

NOBODY = "gengxun"
"""As whom links are made where nobody is named."""
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
"""Hosts that stand for every address of this machine."""


@click.group(cls=Group, help=tr("Field links: one for a phone, for some cases, for some days."))
def link() -> None:
    pass


@link.command("new", help=tr("A link and its secret, which is shown this once."))
@click.option("--case", "cases", multiple=True, required=True, metavar="NUMBER", help=tr("A case; may be repeated."))
@click.option("--to", required=True, metavar="NAME", help=tr("Who gets it; stands beside what is sent back."))
@click.option("--days", type=float, metavar="N", help=tr("How long it lives; left out: as in gengxun.toml."))
@click.option("--by", default=NOBODY, metavar="NAME", help=tr("Who makes it."))
@click.option("--qr", type=click.Path(path_type=Path), metavar="FILE", help=tr("Write its QR code there, as SVG."))
@click.option("--send", is_flag=True, help=tr("Send it by the channels that [notify] names."))
@JSON
def new(cases: tuple[str, ...], to: str, days: float | None, by: str, qr: Path | None, send: bool,
        as_json: bool) -> None:  # fmt: skip
    office = settings.find()
    urls, portal = office.settings.notify.urls, office.settings.portal
    if send and not urls:
        raise InputError("{path}: [notify] names no channel; write one there, or leave --send out.",
                         path=office.root / settings.FILE)  # fmt: skip
    base = _base(office)
    store, now = serve.store_of(office), datetime.now(UTC)
    with office.ledger as ledger:
        for number in cases:
            ledger.case(number)
        keys = link_keys.keys_of(ledger, office.root)
        assert keys is not None  # there is a case
        lives = portal.link_days if days is None else days
        made, secret = links.make(store, keys, cases=cases, to=to, by=by, days=lives, at=now)
        address = links.address(base, made.id, secret)
        if qr is not None:
            atomic.write_bytes(qr, links.qr_svg(address).encode())
        if as_json:
            emit({**links.to_json(made, "live"), "address": address, "qr": str(qr) if qr else None, "sent": send})
        else:
            click.echo(address)
            say(tr("For {to}, until {at}; the address is shown this once.", to=made.to,
                   at=style.moment(made.expires_at)))  # fmt: skip
            if ended := message.of_ended(ledger, made.cases):
                say(ended)
            if by == NOBODY:
                say(tr("Nobody is named as its maker; give --by: who makes a link does not accept what comes through"
                       " it."))  # fmt: skip
        if send:  # last: whatever a channel says, the address has been shown
            serve.notifier(urls)(*message.of_link(ledger, made, address))


def _base(office: settings.Workspace) -> str:
    """The address that phones open. Raises: InputError where the portal listens everywhere, which is no address."""
    portal = office.settings.portal
    if not portal.public_url and portal.host in EVERYWHERE:
        raise InputError(
            "{path}: public_url is missing under [portal], and {host} is no address that a phone can open; write the"
            " one that phones open, as https://gengxun.example.",
            path=office.root / settings.FILE,
            host=portal.host,
        )
    return portal.public_url or f"http://{portal.host}:{portal.port}"


@link.command("list", help=tr("The links made, the newest first; no secret is known here."))
@click.option("--case", "number", metavar="NUMBER", help=tr("Only of this case."))
@JSON
def list_(number: str | None, as_json: bool) -> None:
    office = serve.office_of(settings.find())
    found = links.of_case(office.store, number) if number else links.every(office.store)
    if as_json:
        return emit([links.to_json(one, link_makers.state(office, one)) for one in found])
    states = {"live": tr("open"), "expired": tr("ended"), "revoked": tr("revoked"),
              "refused": tr("refused: its maker may no longer give it")}  # fmt: skip
    for one in found:
        opened = tr("{n} devices", n=one.opened)
        click.echo(
            f"{one.id}  {states[link_makers.state(office, one)]}  {one.to}  {style.moment(one.expires_at)}  {opened}  "
            + " ".join(one.cases)
        )


@link.command("revoke", help=tr("End links now; what phones still hold stays there and can be exported."))
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--by", default=NOBODY, metavar="NAME", help=tr("Who revokes them."))
@JSON
def revoke(ids: tuple[str, ...], by: str, as_json: bool) -> None:
    office, now = settings.find(), datetime.now(UTC)
    store = serve.store_of(office)
    unknown = [id for id in ids if not links.revoke(store, id, by=by, at=now)]
    if as_json:
        known = [links.one(store, id) for id in ids if id not in unknown]
        emit([links.to_json(one, one.state(now)) for one in known if one])
    if unknown:
        raise InputError("{ids}: there is no such link; see gengxun link list.", ids=", ".join(unknown))


@link.command("rotate", help=tr("A new key for links made from now on; those made before stay good."))
@JSON
def rotate(as_json: bool) -> None:
    office = settings.find()
    with office.ledger as ledger:
        keys = link_keys.keys_of(ledger, office.root)
    if keys is None:
        raise InputError("{path}: the ledger is empty, there is nothing to make links for yet.", path=office.root)
    id = keys.rotate()
    emit({"key": id, "folder": str(keys.folder)}) if as_json else click.echo(id)
