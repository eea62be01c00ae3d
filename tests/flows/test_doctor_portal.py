"""What ``gengxun doctor`` says of the portal: address, certificate, port and people, each with the mend."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows import settings
from tests.flows.ran import runner

NOW = datetime.now(UTC)


class Authority:
    """The bureau's own CA, in a folder: ``ca.pem``, and what it issues."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "示意局 CA")])
        built = self._begun(self.name, self.key, 3650).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = built.add_extension(usage, True).sign(self.key, hashes.SHA256())
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=400))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(identifier, False)
        )

    def issue(self, name: str, days: float) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        built = self._begun(subject, key, days).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        certificate = built.add_extension(known, False).sign(self.key, hashes.SHA256())
        pem, secret = serialization.Encoding.PEM, self.folder / "server.pem"
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret.write_bytes(certificate.public_bytes(pem) + plain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(secret)
        return context


@contextlib.contextmanager
def guarded(context: ssl.SSLContext) -> Iterator[int]:
    """A port that shakes hands and hangs up, as many times as it is called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(line, server_side=True) as shaken:
                    shaken.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as tried:
        return int(tried.getsockname()[1])


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> Callable[..., dict[str, tuple[bool, str]]]:
    """``said(host=…, public_url=…)`` → {check: (ok, text)}, in a workspace with these settings."""
    root = settings.init(tmp_path / "ws", "示意局")[0].root
    call = runner(tmp_path, monkeypatch)

    def asked(lang: str = "en", **portal: object) -> dict[str, tuple[bool, str]]:
        lines = {"port": free, **portal}
        told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items())
        (root / settings.FILE).write_text(f"[portal]\n{told}\n", encoding="utf-8")
        found = call("doctor", "--json", cwd=root, lang=lang)
        assert found.code == (0 if all(row["ok"] for row in found.json) else 1)
        return {row["check"]: (row["ok"], row["text"]) for row in found.json}

    asked.run = lambda *arguments: call(*arguments, cwd=root)  # type: ignore[attr-defined]
    return asked


def test_a_portal_of_this_machine_only_needs_nothing(said, free) -> None:
    found = said()
    assert [found[check][0] for check in ("address", "certificate", "port", "accounts")] == [True] * 4
    assert "public_url" in found["address"][1]
    assert "gengxun user add" in found["accounts"][1]
    assert found["port"][1] == f"127.0.0.1:{free} is free"
    assert said.run("user", "add", "甲", "--role", "leader").code == 0
    assert said()["accounts"] == (True, "1 people can sign in")
    assert said.run("user", "disable", "甲").code == 0
    assert "Nobody" in said()["accounts"][1]


def test_a_portal_for_others_needs_https_and_people(said) -> None:
    found = said(host="0.0.0.0")
    assert not found["address"][0]
    assert not found["accounts"][0]
    assert "withhold position" in found["address"][1]
    plain = said(public_url="http://10.1.2.3:8600")
    assert not plain["address"][0]
    assert "not https" in plain["address"][1]
    assert plain["certificate"] == (True, "not asked: no https address in [portal] public_url")
    assert "is no address" in said(public_url="gengxun.example")["address"][1]
    assert "不是 https" in said(lang="zh", public_url="http://10.1.2.3:8600")["address"][1]


@pytest.mark.parametrize(
    ("name", "days", "trusted", "ok", "words"),
    [
        ("localhost", 200, True, True, ["199 days left, name fits, issued by 示意局 CA", "Certificate Trust Settings"]),
        ("localhost", 9.5, True, False, ["ends in 9 days; renew it at 示意局 CA"]),
        ("localhost", -1, True, False, ["has ended"]),
        ("gengxun.example", 200, True, False, ["not made for the name localhost"]),
        ("localhost", 200, False, False, ["does not know who issued", "update-ca-certificates", "on each phone"]),
    ],
)
def test_the_certificate_there_is_judged(said, tmp_path, monkeypatch, name, days, trusted, ok, words) -> None:
    authority = Authority(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with guarded(authority.issue(name, days)) as port:
        found = said(public_url=f"https://localhost:{port}", proxy=True)
    assert found["address"][0]
    assert found["certificate"][0] is ok
    assert [word for word in words if word not in found["certificate"][1]] == []


def test_a_proxy_that_is_not_set_is_missed(said, free) -> None:
    ok, text = said(public_url=f"https://127.0.0.1:{free}")["address"]
    assert not ok
    assert "write proxy = true" in text
    assert said(public_url=f"https://127.0.0.1:{free}", proxy=True)["address"][0]


def test_where_nothing_answers_the_proxy_is_named(said, free) -> None:
    ok, text = said(public_url=f"https://127.0.0.1:{free}")["certificate"]
    assert not ok
    assert f"127.0.0.1:{free} does not answer with https" in text


@pytest.mark.parametrize(("body", "ok"), [(b"ok", True), (b"something else", False)])
def test_a_port_that_is_held_by_the_portal_is_no_fault(said, body, ok) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/alive" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        found = said(port=server.server_port)["port"]
    finally:
        server.shutdown()
        server.server_close()
    assert found[0] is ok
    assert ("the portal answers" if ok else "cannot be listened on") in found[1]


def test_what_cannot_be_used_is_said_in_a_sentence(said, tmp_path) -> None:
    (tmp_path / "ws" / "portal.db").write_bytes(b"no database at all " * 400)
    ok, text = said()["accounts"]
    assert not ok
    assert "portal.db: is damaged" in text
    assert not said(public_url="https://a..b:1")["certificate"][0]
    assert "is no address" in said(public_url="https://a:port")["address"][1]
