"""A workspace with a few cases in two counties, served in this process or by a real uvicorn."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import uvicorn
from pyproj import Transformer
from starlette.testclient import TestClient

from flows import serve, settings
from maps.portal import people
from maps.portal.app import create_app
from maps.portal.office import Office
from pipeline.cases.events import SYSTEM, Kind
from tests.maps.conftest import CHROMIUM, FLAGS
from tests.pipeline.cases import lives
from tests.pipeline.invented_flags import LAT, LON, flag, inspection

ROOT = Path(__file__).parents[3]
WORD = "a long enough word"
OTHER = "430382"
"""A second county, 韶山; the invented flags lie in 430321."""
DATES = ("2025-10-20", "2026-10-18", "2026-11-18")


def number(n: int, district: str = "430321") -> str:
    return f"{district}-2026-{n:05d}"


def write_scene(path: Path, day: str, seed: int) -> Path:
    """240 × 240 pixels of 10 m around the invented patches, with a quality band."""
    east, north = Transformer.from_crs(4326, 32649, always_xy=True).transform(LON, LAT)
    rng = np.random.default_rng(seed)
    values = rng.integers(400, 1600, (4, 24, 24)).repeat(10, 1).repeat(10, 2).astype(np.uint16)
    values[3] += 1500
    data = np.concatenate([values, np.full((1, 240, 240), 4, np.uint16)])
    with rasterio.open(
        path, "w", driver="GTiff", width=240, height=240, count=5, dtype="uint16", crs="EPSG:32649", nodata=0,
        transform=rasterio.Affine(10, 0, round(east - 400, -1), 0, -10, round(north + 2000, -1)),
    ) as file:  # fmt: skip
        file.write(data)
        file.descriptions = ("blue", "green", "red", "nir", "SCL")
        file.update_tags(PLATFORM="sentinel-2a", ACQUIRED=f"{day}T03:00:00Z")
    return path


def fill(root: Path) -> None:
    """Eight cases: 430321 …00001 closed, …00002 suspected, …00003 dispatched, …00004 rectifying,
    …00005 reported, …00006 dismissed; 430382 …00001 suspected, …00002 dispatched."""
    workspace, _ = settings.init(root, "湘潭市")
    scenes = []
    for n, day in enumerate(DATES):
        scene, _ = workspace.catalog.add_scene(write_scene(root / f"{n}.tif", day, n))
        scenes.append(scene)
        (root / f"{n}.tif").unlink()
    before, after = scenes[0].id, scenes[1].id

    def seen(column: float, row: float = 0, **fields: Any) -> Any:
        return flag(column, row, before=before, after=after, **fields)

    office = lives.Office(root / "ledger.db")
    office.now = datetime(2026, 10, 20, 2, tzinfo=UTC)
    flags = [seen(n) for n in range(6)]
    for n in range(2):
        one = seen(n, 3, district_code=OTHER)
        named = replace(
            one.occupied, district_name="韶山市", township_code="430382100", township_name="清溪镇",
            village_code="430382100001",
        )  # fmt: skip
        flags.append(replace(one, occupied=named))
    office.ledger.record(inspection(before, after), flags, SYSTEM)
    office.closed(number(1))
    office.now = datetime(2026, 11, 18, 2, tzinfo=UTC)
    office.dispatched(number(3))
    office.dispatched(number(4))
    office.violation(number(4))
    office.ordered(number(4))
    office.dispatched(number(5))
    office.violation(number(5))
    office.ordered(number(5))
    office.later(2)
    office.reported(number(5))
    office.do(Kind.DISMISSED, lives.SENSING, number(6), reason="云影")
    office.do(Kind.DISPATCHED, lives.SENSING, number(2, OTHER), to_whom="韶山队", reason="顶棚清晰可见")
    office.ledger.close()


@pytest.fixture(autouse=True)
def heard() -> None:
    """Our loggers speak, whatever a flow engine in the same process has done to the loggers it found."""
    for name in ("gengxun", "gengxun.portal", "gengxun.access"):
        logging.getLogger(name).disabled = False


class Clock:
    """The time on the office's wall; ``later`` moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **much: float) -> None:
        self.now += timedelta(**much)


@pytest.fixture(scope="session")
def filled_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy it before changing it; the fixture ``office`` does."""
    root = tmp_path_factory.mktemp("portal") / "ws"
    fill(root)
    return root


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(filled_workspace: Path, tmp_path: Path, clock: Clock) -> Iterator[Office]:
    root = tmp_path / "ws"
    shutil.copytree(filled_workspace, root)
    found = replace(serve.office_of(settings.open_workspace(root)), clock=clock)
    found.ledger.clock = clock
    yield found
    found.ledger.close()
    found.store.close()


@pytest.fixture
def app(office: Office) -> Any:
    return create_app(office)


@pytest.fixture
def new_client(app: Any) -> Callable[..., TestClient]:
    """One more browser: ``new_client(address="testclient")``; English, follows no redirect by itself."""

    def make(address: str = "testclient", lang: str = "en") -> TestClient:
        made = TestClient(app, follow_redirects=False, client=(address, 50000))
        made.cookies.set("gx_lang", lang)
        return made

    return make


@pytest.fixture
def client(new_client: Callable[..., TestClient]) -> TestClient:
    return new_client()


def csrf(page: str) -> str:
    """The token of the first form of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found, "no form on this page"
    return found[1]


def add_person(office: Office, role: str, districts: tuple[str, ...] = (), name: str = "") -> str:
    name = name or f"{role}{'-'.join(districts)}"
    if name not in {one.name for one in people.accounts(office.store)}:
        people.add(office.store, name, role, districts, at=office.clock(), password=WORD)
    return name


@pytest.fixture
def sign_in(office: Office) -> Callable[..., TestClient]:
    """``sign_in(client, role, districts=(), name="")`` → the client, signed in; its ``csrf`` is set."""

    def sign(client: TestClient, role: str, districts: tuple[str, ...] = (), name: str = "") -> TestClient:
        name = add_person(office, role, districts, name)
        page = client.get("/login")
        answer = client.post("/login", data={"csrf": csrf(page.text), "name": name, "password": WORD})
        assert answer.status_code == 303, answer.text
        client.csrf = csrf(client.get("/account").text)  # type: ignore[attr-defined]
        return client

    return sign


@contextmanager
def served(root: Path, workers: int = 1) -> Iterator[str]:
    """``gengxun serve`` as a process of its own; its base address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = root.parent / f"serve-{port}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve", "--port", str(port), "--workers", str(workers)],
            cwd=root, stdout=stream, stderr=stream, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=5):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(log.read_text())
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def served_here(root: Path) -> Iterator[str]:
    """The portal over HTTP from a thread of this process: a process of its own imports everything anew each time."""
    found = serve.office_of(settings.open_workspace(root))
    config = uvicorn.Config(create_app(found), log_config=None, server_header=False, proxy_headers=False,
                            timeout_graceful_shutdown=1)  # fmt: skip
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            urllib.request.urlopen(f"{base}/alive", timeout=60).close()  # waits in the queue until it is there
            yield base
        finally:
            server.should_exit = True
            thread.join(30)
            found.ledger.close()
            found.store.close()


@pytest.fixture
def serve_by() -> Any:
    """How the portal is served; a module that wants ``gengxun serve`` itself gives ``served``."""
    return served_here


@pytest.fixture
def serving(office: Office, clock: Clock, serve_by: Any) -> Iterator[str]:
    """Base address of a real server of the ``office``'s workspace; it has the real clock, so here too."""
    clock.now = datetime.now(UTC)
    with serve_by(office.root) as base:
        yield base


@pytest.fixture(scope="session")
def chromium(playwright: Any) -> Iterator[Any]:
    local = [one for one in FLAGS if not one.startswith("--host-resolver-rules")]
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*local, rules])
    yield found
    found.close()


def _page(chromium: Any, serving: str, size: tuple[int, int], **more: Any) -> Iterator[Any]:
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN", base_url=serving, **more
    )
    page = context.new_page()
    page.problems = []
    page.on("console", lambda m: page.problems.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(f"exception: {error}"))
    page.on("dialog", lambda dialog: (page.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield page
    context.close()


@pytest.fixture
def browser(chromium: Any, serving: str) -> Iterator[Any]:
    """A page at desk size; ``problems`` lists console errors, exceptions and dialogs."""
    yield from _page(chromium, serving, (1440, 900))


@pytest.fixture
def phone(chromium: Any, serving: str) -> Iterator[Any]:
    """A page at phone size, with touch."""
    yield from _page(chromium, serving, (390, 844), has_touch=True, is_mobile=True)


@pytest.fixture
def enter(office: Office) -> Callable[..., Any]:
    """``enter(page, role, districts=(), name="")``: sign in by the form of a browser page."""

    def sign(page: Any, role: str, districts: tuple[str, ...] = (), name: str = "") -> Any:
        name = add_person(office, role, districts, name)
        page.goto("/login?next=/account")
        page.fill("#name", name)
        page.fill("#password", WORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/account")
        return page

    return sign
