"""[io] What ``gengxun doctor`` asks about the portal: its address, the certificate there, its port, its people.

Only the address in [portal] public_url is asked, and only for its certificate: nothing is sent on that line.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from flows import serve, settings
from geodata.errors import InputError, WorkError
from geodata.words import tr
from maps.portal import people
from maps.portal.office import PortalSettings

LOCAL = ("127.0.0.1", "localhost", "::1")
SHORT_DAYS = 30
PATIENCE_S = 5.0


class Wrong(Exception):
    """A check that did not hold; its text says the mend."""


@dataclass(frozen=True)
class Presented:
    """The certificate that a server showed, as this machine judges it. expires_at: seconds since 1970."""

    issuer: str
    expires_at: float


def office_here() -> settings.Workspace | None:
    """None outside of a workspace: there is no portal to look at. Raises: Wrong where its settings cannot be read."""
    here = Path.cwd().resolve()
    if not any((folder / settings.FILE).is_file() for folder in (here, *here.parents)):
        return None
    try:
        return settings.find()
    except InputError as error:
        raise Wrong(str(error)) from None


def for_others(portal: PortalSettings) -> bool:
    """Whether more than this machine is meant to reach it."""
    return bool(portal.public_url) or portal.host not in LOCAL


def address() -> str:
    """[portal] public_url: said where phones need it, https, and the proxy in front of it known."""
    office = office_here()
    if office is None:
        return nothing()
    portal = office.settings.portal
    if not portal.public_url:
        if not for_others(portal):
            return tr("this machine only; for phones set [portal] public_url to an https address")
        raise Wrong(
            tr("[portal] public_url is empty; write the https address that phones open: without https they withhold"
               " position and offline use (docs/portal.md)")
        )  # fmt: skip
    if split(portal.public_url) is None:
        raise Wrong(tr("[portal] public_url {url} is no address; write one as https://gengxun.example",
                       url=portal.public_url))  # fmt: skip
    if portal.public_url.startswith("https:") and portal.proxy:
        return portal.public_url
    if portal.public_url.startswith("https:"):
        raise Wrong(
            tr("[portal] public_url is https, so that a proxy stands in front, but proxy is not set: all clients count"
               " as one address, in lock-outs and in the journal; write proxy = true (docs/portal.md)")
        )  # fmt: skip
    raise Wrong(
        tr("[portal] public_url {url} is not https: pass phrases cross the network unprotected, and phones withhold"
           " position and offline use; put https in front (docs/portal.md)", url=portal.public_url)
    )  # fmt: skip


def certificate() -> str:
    office = office_here()
    parts = split(office.settings.portal.public_url) if office else None
    if parts is None or not office or not office.settings.portal.public_url.startswith("https:"):
        return tr("not asked: no https address in [portal] public_url")
    host, port = parts
    try:
        shown = presented(host, port)
    except ssl.SSLCertVerificationError as error:
        raise Wrong(mend(host, error)) from None
    except (OSError, UnicodeError) as error:  # the second: no name of a host
        raise Wrong(
            tr("{host}:{port} does not answer with https ({why}); start the proxy and open its port (docs/portal.md)",
               host=host, port=port, why=getattr(error, "strerror", None) or type(error).__name__)
        ) from None  # fmt: skip
    days = int((shown.expires_at - time.time()) // 86400)
    if days < SHORT_DAYS:
        raise Wrong(
            tr("the certificate of {host} ends in {days} days; renew it at {issuer}, then reload the proxy",
               host=host, days=days, issuer=shown.issuer)
        )  # fmt: skip
    return tr(
        "{host}: {days} days left, name fits, issued by {issuer}; phones need the CA of it too: Android, Settings >"
        " Security > Install a certificate > CA certificate; iPhone, install the profile, then Settings > General >"
        " About > Certificate Trust Settings",
        host=host, days=days, issuer=shown.issuer,
    )  # fmt: skip


def presented(host: str, port: int) -> Presented:
    """Raises: OSError, ssl.SSLError, of which SSLCertVerificationError where this machine does not trust it."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=PATIENCE_S) as line,
        context.wrap_socket(line, server_hostname=host) as guarded,
    ):
        told = guarded.getpeercert() or {}
    issuers: Any = told.get("issuer", ())
    names = {key: value for part in issuers for key, value in part}
    issuer = names.get("commonName") or names.get("organizationName") or "–"
    return Presented(str(issuer), float(ssl.cert_time_to_seconds(str(told["notAfter"]))))


def mend(host: str, error: ssl.SSLCertVerificationError) -> str:
    """By OpenSSL's X509_V_ERR_* number."""
    if error.verify_code == 10:
        return tr("the certificate of {host} has ended; renew it, then reload the proxy", host=host)
    if error.verify_code in (62, 64):
        return tr("the certificate is not made for the name {host}; have one issued that names it (subjectAltName)",
                  host=host)  # fmt: skip
    if error.verify_code in (18, 19, 20, 21):
        return tr(
            "this machine does not know who issued the certificate of {host} ({why}); install the bureau's CA here"
            " (Debian: a .crt in /usr/local/share/ca-certificates, then update-ca-certificates) and on each phone:"
            " Android, Settings > Security > Install a certificate > CA certificate; iPhone, install the profile,"
            " then Settings > General > About > Certificate Trust Settings; the proxy must send the intermediate"
            " certificates too",
            host=host, why=error.verify_message,
        )  # fmt: skip
    return tr("the certificate of {host} is refused ({why}); have another issued", host=host, why=error.verify_message)


def port() -> str:
    office = office_here()
    if office is None:
        return nothing()
    portal = office.settings.portal
    try:
        serve.check_port(portal.host, portal.port)
    except WorkError as error:
        if answers(portal.host, portal.port):
            return tr("{host}:{port}: the portal answers", host=portal.host, port=portal.port)
        raise Wrong(str(error)) from None
    return tr("{host}:{port} is free", host=portal.host, port=portal.port)


def answers(host: str, port: int) -> bool:
    """Whether a portal of ours listens there, on this machine."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (every interface has the loopback)
    try:
        with socket.create_connection((here, port), timeout=PATIENCE_S) as line:
            line.sendall(f"GET /alive HTTP/1.0\r\nHost: {here}\r\n\r\n".encode("ascii"))
            said = b""
            while len(said) < 4096 and (more := line.recv(4096)):
                said += more
    except OSError:
        return False
    return said.split()[1:2] == [b"200"] and said.endswith(b"\r\n\r\nok")


def accounts() -> str:
    office = office_here()
    if office is None:
        return nothing()
    if not (office.root / "portal.db").is_file():  # looking makes nothing
        open_: list[people.Account] = []
    else:
        store = serve.store_of(office)
        try:
            open_ = [one for one in people.accounts(store) if not one.disabled]
        except WorkError as error:
            raise Wrong(str(error)) from None
        except sa.exc.DatabaseError:
            raise Wrong(
                tr("{path}: is damaged; stop the portal and put it back from a copy (docs/portal.md)", path=store.path)
            ) from None
        finally:
            store.close()
    if not open_:
        said = tr("Nobody can sign in yet; add a person: gengxun user add NAME --role ROLE")
        if for_others(office.settings.portal):
            raise Wrong(said)
        return said
    return tr("{count} people can sign in", count=len(open_))


def nothing() -> str:
    return tr("no workspace here")


def split(url: str) -> tuple[str, int] | None:
    """(host, port) of an http or https address; None where it is none."""
    try:
        parts = urlsplit(url)
        standard = {"https": 443, "http": 80}.get(parts.scheme)
        if standard is None or not parts.hostname:
            return None
        return parts.hostname, parts.port or standard
    except ValueError:
        return None
