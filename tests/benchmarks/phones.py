"""Phones on a bad line: ``python tests/benchmarks/phones.py [--phones 20 --photos 10 --size 4000000 --kills 2]``.

Each phone sends its photos over one field link to a real server as the page does: HEAD, then pieces from
where the office stands. Half of the pieces are cut at a random byte with a reset, a third of the receipts
are lost so that the phone sends again, and the server is killed with -9 meanwhile and started anew. Prints
how many were stored once with the same hash, bytes sent per byte, and p95 of the case page meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from flows import serve, settings  # noqa: E402
from maps.portal import links, people  # noqa: E402
from maps.portal.link_keys import keys_of  # noqa: E402
from maps.portal.links import COOKIE  # noqa: E402
from tests.maps.portal.conftest import csrf, fill, number  # noqa: E402
from tests.maps.portal.field_phone import header, record  # noqa: E402

CASES = (number(3), number(2), number(4))
FIRST, LARGEST, PIECE_S = 262_144, 4_194_304, 1.5
"""Sizes of pieces as the page's queue chooses them."""


def photo(seed: int, size: int) -> bytes:
    """A computed JPEG of some ``size`` bytes: grey noise takes about 0.78 bytes a pixel."""
    side = max(64, round((size * 1.29) ** 0.5))
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", quality=92)
    return stream.getvalue()


class Cut(Exception):
    """The line broke, or the server was not there."""


@dataclass
class Counts:
    sent: int = 0
    whole: int = 0
    requests: int = 0
    cuts: int = 0
    twice: int = 0
    receipts: dict[str, set[int]] = field(default_factory=dict)
    case_ms: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Server:
    """``gengxun serve`` of one workspace, always on the same port."""

    def __init__(self, root: Path, workers: int = 1) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.root, self.workers = root, workers
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        with (self.root.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", *command], cwd=self.root, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/alive")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit((self.root.parent / "serve.log").read_text())

    def kill(self) -> None:
        """-9, its children with it."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Phone:
    """One device on a bad line; retries for ever."""

    def __init__(self, port: int, link: str, seed: int, counts: Counts) -> None:
        self.port, self.base, self.counts = port, f"/l/{link}/", counts
        self.random, self.cookie, self.piece = random.Random(seed), "", FIRST

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", *, cut: int | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """cut: the line is reset after so many bytes of the body. Raises: Cut."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, self.base + path)
            for name, value in {
                **headers,
                "Cookie": f"{COOKIE}={self.cookie}",
                "Content-Length": str(len(body)),
            }.items():
                connection.putheader(name, value)
            connection.endheaders()
            going = body if cut is None else body[:cut]
            for n in range(0, len(going), 65_536):
                connection.send(going[n : n + 65_536])
                with self.counts.lock:
                    self.counts.sent += len(going[n : n + 65_536])
            if cut is not None:
                assert connection.sock
                time.sleep(0.02)
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Cut
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Cut from error
        finally:
            connection.close()

    def again(self, *args: Any, **more: Any) -> tuple[int, dict[str, str], bytes]:
        """Until somebody answers."""
        wait = 0.1
        while True:
            try:
                found = self.ask(*args, **more)
                if found[0] < 500:
                    return found
            except Cut:
                pass
            time.sleep(wait * self.random.uniform(0.8, 1.2))
            wait = min(2.0, wait * 2)

    def open(self, secret: str) -> None:
        status, headers, _ = self.again("POST", "open", {"Content-Type": "application/json"},
                                        json.dumps({"secret": secret}).encode())  # fmt: skip
        assert status == 204, status
        self.cookie = headers["set-cookie"].split("=", 1)[1].split(";")[0]

    def send(self, content: bytes, case: str) -> None:
        values = record(content, case, taken_at=datetime.now(UTC).isoformat())
        while not self._once(content, values):
            time.sleep(self.random.uniform(0.05, 0.3))
        if self.random.random() < 1 / 3:  # the receipt was lost: the phone does not know
            with self.counts.lock:
                self.counts.twice += 1
            while not self._once(content, values):
                time.sleep(0.1)
        with self.counts.lock:
            self.counts.whole += len(content)

    def _once(self, content: bytes, values: dict[str, Any]) -> bool:
        """One turn: from where the office stands until it breaks; whether there is a receipt."""
        told = {"X-Gx-Record": header(values)}
        status, headers, _ = self.again("HEAD", f"up/{values['id']}", told)
        assert status == 200, status
        if "x-gx-receipt" in headers:
            self._receipt(values, int(headers["x-gx-receipt"]))
            return True
        offset = int(headers["upload-offset"])
        while True:
            end = min(len(content), offset + self.piece)
            piece = content[offset:end]
            span = f"{offset}-{end - 1}" if piece else "*"
            cut = self.random.randrange(len(piece)) if piece and self.random.random() < 0.5 else None
            with self.counts.lock:
                self.counts.requests += 1
                self.counts.cuts += cut is not None
            began = time.monotonic()
            try:
                status, headers, body = self.ask(
                    "PUT",
                    f"up/{values['id']}",
                    {**told, "Content-Range": f"bytes {span}/{len(content)}"},
                    piece,
                    cut=cut,
                )
            except Cut:
                self.piece = max(65_536, self.piece // 2)
                return False
            if status in (200, 201):
                self._receipt(values, json.loads(body)["seq"])
                return True
            if status == 202:
                offset = json.loads(body)["offset"]
                rate = len(piece) / max(0.03, time.monotonic() - began)
                self.piece = int(min(LARGEST, max(65_536, rate * PIECE_S)))
            elif status == 416:
                offset = int(headers["upload-offset"])
            elif status >= 500:
                return False
            else:
                self.counts.refused.append(f"{status} {body[:200]!r}")
                return True

    def _receipt(self, values: dict[str, Any], seq: int) -> None:
        with self.counts.lock:
            self.counts.receipts.setdefault(f"{values['case']} {values['id']}", set()).add(seq)


def look(server: Server, secret: str, counts: Counts, stop: threading.Event) -> None:
    """Somebody at the office opens the case meanwhile."""
    import httpx

    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as browser:
        signed = False
        while not stop.is_set():
            try:
                if not signed:
                    form = {"csrf": csrf(browser.get("/login").text), "name": "王复核", "password": secret}
                    signed = browser.post("/login", data=form).status_code == 303
                began = time.perf_counter()
                answer = browser.get(f"/case/{CASES[0]}")
                if answer.status_code == 200:
                    counts.case_ms.append(1000 * (time.perf_counter() - began))
            except (httpx.HTTPError, AssertionError):
                signed = False
            stop.wait(0.25)


def run(root: Path, *, phones: int, photos: int, size: int, kills: int, workers: int = 1) -> dict[str, Any]:
    """The whole of it in a workspace made in ``root``; the figures."""
    fill(root)
    workspace = settings.open_workspace(root)
    office = replace(serve.office_of(workspace), clock=lambda: datetime.now(UTC))
    keys = keys_of(office.ledger, root)
    assert keys
    link, secret = links.make(office.store, keys, cases=CASES, to="李外业", by="王复核", days=7, at=datetime.now(UTC))
    word = "a long enough word"
    people.add(office.store, "王复核", "reviewer", (), at=datetime.now(UTC), password=word)
    events = len(office.ledger.events())
    server, counts, stop = Server(root, workers), Counts(), threading.Event()

    def use(n: int) -> None:
        phone = Phone(server.port, link.id, n, counts)
        phone.open(secret)
        for k in range(photos):
            phone.send(photo(n * 1000 + k, size), CASES[k % len(CASES)])

    threads = [threading.Thread(target=use, args=(n,), daemon=True) for n in range(phones)]
    looking = threading.Thread(target=look, args=(server, word, counts, stop), daemon=True)
    began = time.monotonic()
    looking.start()
    for thread in threads:
        thread.start()
    for n in range(kills):
        while len(counts.receipts) < (n + 1) * phones * photos / (kills + 1) and any(t.is_alive() for t in threads):
            time.sleep(0.02)
        server.kill()
        server.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    stop.set()
    looking.join()
    server.kill()
    found = measured(office, counts, phones * photos, events) | {"seconds": round(took, 1), "kills": kills}
    office.ledger.close()
    office.store.close()
    return found


def measured(office: Any, counts: Counts, wanted: int, before: int) -> dict[str, Any]:
    stored = [(e.case, e.payload["sha256"]) for e in office.ledger.events() if e.kind == "EVIDENCE" and e.seq > before]
    equal = sum(hashlib.sha256(office.evidence.path(sha).read_bytes()).hexdigest() == sha for _, sha in stored)
    acknowledged = {tuple(key.split(" ")) for key in counts.receipts}
    case = sorted(counts.case_ms)
    return {
        "photos": wanted,
        "stored_once": len(set(stored)) if len(set(stored)) == len(stored) else -len(stored),
        "hashes_equal": equal,
        "acknowledged_and_stored": len(acknowledged & set(stored)),
        "receipts_that_differ": sum(len(seqs) > 1 for seqs in counts.receipts.values()),
        "refused": counts.refused,
        "requests": counts.requests,
        "cut": counts.cuts,
        "sent_twice": counts.twice,
        "bytes": counts.whole,
        "bytes_sent_ratio": round(counts.sent / max(1, counts.whole), 3),
        "left_over": len(list((office.root / "arriving").glob("*"))),
        "ledger_ok": office.ledger.verify().ok,
        "case_page_requests": len(case),
        "case_page_p95_ms": round(case[int(0.95 * (len(case) - 1))], 1) if case else None,
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("phones", 20), ("photos", 10), ("size", 4_000_000), ("kills", 2), ("workers", 1)):
        asked.add_argument(f"--{name}", type=int, default=usual)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="gengxun-phones-") as folder:
        os.environ["GENGXUN_KEYS"] = f"{folder}/keys"
        for key, value in run(Path(folder) / "ws", **vars(given)).items():
            print(f"{key:28} {value}")


if __name__ == "__main__":
    main()
