# ruff: noqa: E501  scripts of the page stand in long lines
"""A small office that speaks the protocol of a field link over real HTTP, on a bad line.

``Line`` decides per request whether it is cut at a byte on its way in, or its answer is lost on the
way out; both close the connection without a word, as a dead cell does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from maps.assets import static_files
from maps.portal.offlinefile import service_worker

LINK = "L1"
BARE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>bare</title><link rel="icon" href="data:,"></head>
<body><p id="gx-field-words">bare</p>{scripts}</body></html>"""
FOUR = ("field-sha256.js", "field-zip.js", "field-store.js", "field-queue.js")


@dataclass
class Line:
    """cut: share of requests with a body that break off at a random byte; lose: share of answers lost."""

    cut: float = 0.0
    lose: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(5))


@dataclass
class Held:
    """What the office holds. Survives a restart of the server, as a disk does."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    parts: dict[tuple[str, str], bytearray] = field(default_factory=dict)
    seqs: dict[Any, int] = field(default_factory=dict)
    words: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored: list[tuple[str, str]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    bytes_in: int = 0
    close: bool = False  # a new connection for each piece
    answer: int | None = None  # to every question under the path
    answers: dict[str, int] = field(default_factory=dict)  # by method and first word of the path
    page: str = ""
    data: dict[str, Any] = field(
        default_factory=lambda: {
            "link": {"id": LINK, "server_now": "2026-11-24T08:00:00Z", "expires_at": "2036-11-27T10:00:00Z"},
            "cases": [],
        }
    )
    lock: threading.Lock = field(default_factory=threading.Lock)


class Office:
    def __init__(self, held: Held | None = None, line: Line | None = None, port: int = 0) -> None:
        self.held, self.line = held or Held(), line or Line()
        office = self

        class Handler(_Handler):
            held, line = office.held, office.line

        class Server(ThreadingHTTPServer):
            allow_reuse_address, daemon_threads = True, True

            def handle_error(self, request, client_address) -> None:  # a cut line is no error here
                return

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}/l/{LINK}/"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    held: Held
    line: Line
    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        return

    def _path(self) -> str | None:
        path = self.path.split("?")[0]
        static = {f"/static/{hashed}": content for hashed, content in static_files().values()}
        if path in static:
            kind = "text/css" if path.endswith(".css") else "text/javascript"
            self._answer(200, static[path], {"Content-Type": kind})
            return None
        prefix = f"/l/{LINK}/"
        if not path.startswith(prefix):
            self._answer(404, b"")
            return None
        self.held.log.append(f"{self.command} {path.removeprefix(prefix)}")
        stop = self.held.answer or self.held.answers.get(f"{self.command} {path.removeprefix(prefix).split('/')[0]}")
        if stop and path != prefix + "sw.js":
            self._body()
            self._json(stop, {"zh": f"不行 {stop}", "en": f"no {stop}"}, {"Retry-After": "1"} if stop == 429 else {})
            return None
        return path.removeprefix(prefix)

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        if path == "":
            names = {name: hashed for name, (hashed, _) in static_files().items()}
            scripts = "".join(f'<script src="/static/{names[name]}"></script>' for name in FOUR)
            self._answer(
                200,
                (self.held.page or BARE.format(scripts=scripts)).encode(),
                {"Content-Type": "text/html; charset=utf-8"},
            )
        elif path == "data.json":
            self._json(200, self.held.data)
        elif path == "sw.js":
            self._answer(200, service_worker(LINK).encode(), {"Content-Type": "text/javascript"})
        elif path.startswith("chips/"):
            self._answer(200, b"RIFF\0\0\0\0WEBP" + path.encode(), {"Content-Type": "image/webp"})
        else:
            self._answer(404, b"")

    def _record(self) -> dict[str, Any]:
        text = self.headers.get("X-Gx-Record", "")
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    def do_HEAD(self) -> None:
        path = self._path()
        if path is None:
            return
        key = (self._record()["case"], path.removeprefix("up/"))
        with self.held.lock:
            headers = {"Upload-Offset": str(len(self.held.parts.get(key, b"")))}
            if key in self.held.files:
                headers = {"Upload-Offset": str(len(self.held.files[key])), "X-Gx-Receipt": str(self.held.seqs[key])}
        self._answer(200, b"", headers)

    def do_PUT(self) -> None:
        path = self._path()
        if path is None:
            return
        key = (self._record()["case"], path.removeprefix("up/"))
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", self.headers.get("Content-Range", ""))
        start = int(found[1] or 0) if found else 0
        total = int(found[3]) if found else int(self.headers["Content-Length"])
        with self.held.lock:
            part = self.held.parts.setdefault(key, bytearray())
            if found and found[1] is not None and start > len(part) and key not in self.held.files:
                offset = len(part)
                self._body()
                self._json(416, {"zh": "位置不对", "en": "wrong offset"}, {"Upload-Offset": str(offset)})
                return
            if not found:
                del part[:]
        at = start
        for chunk in self._chunks():
            with self.held.lock:
                if key not in self.held.files and at + len(chunk) > len(part):
                    part.extend(chunk[max(0, len(part) - at) :])
            at += len(chunk)
        with self.held.lock:
            if key not in self.held.files:
                if len(part) < total:
                    self._json(202, {"offset": len(part)})
                    return
                if hashlib.sha256(part).hexdigest() != key[1]:
                    del part[:]
                    self._json(422, {"zh": "校验值不符", "en": "hash mismatch"})
                    return
                self.held.files[key] = bytes(part)
                self.held.stored.append(key)
                self.held.order.append("photo")
                self.held.seqs[key] = len(self.held.seqs) + 1
                status = 201
            else:
                status = 200
        self._json(
            status,
            {"sha256": key[1], "seq": self.held.seqs[key], "at": "2026-11-24T08:00:00Z", "size": total, "findings": []},
        )

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        body = json.loads(b"".join(self._chunks()) or b"{}")
        with self.held.lock:
            if body["id"] not in self.held.words:
                self.held.words[body["id"]] = body
                self.held.order.append(path)
                self.held.seqs[body["id"]] = len(self.held.seqs) + 1
            seq = self.held.seqs[body["id"]]
        self._json(201, {"seq": seq, "kind": "VERDICT_GIVEN", "overtaken": None})

    # -- the line

    def _chunks(self):
        """The body as it arrives, in small pieces; a cut line ends in the middle of it."""
        left = int(self.headers.get("Content-Length") or 0)
        cut = self.line.random.randrange(left + 1) if left and self.line.random.random() < self.line.cut else left + 1
        while left:
            chunk = self.rfile.read(min(8192, left, max(1, cut)))
            if not chunk:
                self._drop()
            left -= len(chunk)
            cut -= len(chunk)
            self.held.bytes_in += len(chunk)
            yield chunk
            if cut <= 0:
                self._drop()

    def _body(self) -> None:
        for _ in self._chunks():
            pass

    def _drop(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        raise ConnectionAbortedError

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        if self.command in ("PUT", "POST") and self.line.random.random() < self.line.lose:
            self._drop()
        self.send_response(status)
        for name, value in {
            "Cache-Control": "no-store",
            **(headers or {}),
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
    "--host-resolver-rules=MAP office.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
CHROMIUM = "/usr/bin/chromium"
SHOT = {"case": "430321-2026-00187", "part": "", "shot": "overview", "lon": 112.8, "lat": 27.7, "accuracy_m": 4.0}
MAKE = """
window.made = async (n, size, more) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) { crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536))); }
  bytes.set([0xff, 0xd8, 0xff, n & 255]);
  const blob = new Blob([bytes], { type: "image/jpeg" }), id = await gxSha256(blob);
  const record = Object.assign({ id, kind: "photo", case: "430321-2026-00187", part: "", shot: "overview", size, type: "image/jpeg",
    taken_at: new Date(Date.UTC(2026, 10, 24, 2, n)).toISOString(), lon: 112.8, lat: 27.7, accuracy_m: 4, heading_deg: 218.5, position_source: "phone", clock: gxStore.clock() }, more || {});
  await gxStore.put(record, blob);
  return id;
};
window.judged = (id, more) => gxStore.put(Object.assign({ id, kind: "verdict", case: "430321-2026-00187", part: "", version: 3, taken_at: "2026-11-24T02:59:00.000Z",
  payload: { verdict: "ILLEGAL", sub: "厂房类" }, clock: gxStore.clock() }, more || {}), null);
window.states = async () => Object.fromEntries((await gxStore.all()).map((row) => [row.id, row.state.name]));
"""


def until(page, script: str, arg=None, tries: int = 600) -> None:
    """Until a script of the page, which may give a promise, gives something true."""
    for _ in range(tries):
        if page.evaluate(script, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(script, page.evaluate("gxStore.all()"))


def settled(page, names: str = "sent") -> None:
    """Until every record of the page is in one of the states named."""
    until(page, "(names) => states().then((found) => Object.values(found).every((one) => names.includes(one)))", names)
