"""The command line as a user calls it: as a process of its own, or inside this one (``run``)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from flows.engine import free_port, hosted
from flows.settings import engine_environment
from tests.flows.an_office import build
from tests.flows.ran import Ran, runner

ROOT = Path(__file__).parents[2]


Gengxun = Callable[..., Ran]
FLOWS = ("ingest", "inspect", "recheck", "publish")


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    return _environment()


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "GENGXUN"))}
    return {**kept, "GENGXUN_LANG": "en", "GENGXUN_KEYS": os.environ["GENGXUN_KEYS"], "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server that runs already, as where ``gengxun schedule`` runs: flows start in half the time."""
    home = tmp_path_factory.mktemp("prefect")
    kept = dict(os.environ)
    os.environ.update(engine_environment(home))
    try:
        with hosted(home, free_port()) as url:
            yield url
    finally:
        os.environ.clear()
        os.environ.update(kept)


@pytest.fixture(scope="session")
def gengxun(request: pytest.FixtureRequest) -> Gengxun:
    """own_engine: the flow starts a server of its own, as where none runs."""

    def run(*arguments: object, cwd: Path, lang: str = "en", timeout: float = 240, own_engine: bool = False) -> Ran:
        environment = _environment() | {"GENGXUN_LANG": lang}
        if arguments[0] in FLOWS and not own_engine:
            environment["PREFECT_API_URL"] = request.getfixturevalue("engine_url")
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def workspace(gengxun: Gengxun, tmp_path: Path) -> Path:
    assert gengxun("init", tmp_path / "ws", cwd=tmp_path).code == 0
    return tmp_path / "ws"


@pytest.fixture(scope="session")
def write_scene() -> Callable[..., Path]:
    """Writes a small GeoTIFF as a delivery would be; 10 m, UTM 49N near Xiangtan unless said."""

    def write(
        path: Path,
        values: np.ndarray,
        day: str,
        *,
        crs: str | None = "EPSG:32649",
        east: float = 680_000.0,
        north: float = 3_080_000.0,
        gsd_m: float = 10.0,
        quality: np.ndarray | None = None,
        bands: tuple[str, ...] = ("blue", "green", "red", "nir"),
    ) -> Path:
        data = values if quality is None else np.concatenate([values, quality[None].astype(values.dtype)])
        names = bands if quality is None else (*bands, "SCL")
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=data.shape[2],
            height=data.shape[1],
            count=data.shape[0],
            dtype=data.dtype,
            crs=crs,
            transform=rasterio.Affine(gsd_m, 0, east, 0, -gsd_m, north),
            nodata=0,
            tiled=False,
        ) as file:
            file.write(data)
            file.descriptions = names
            file.update_tags(PLATFORM="sentinel-2a", ACQUIRED=f"{day}T03:00:00Z")
        return path

    return write


@pytest.fixture(scope="session")
def filled(gengxun: Gengxun, write_scene: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with farmland and two dates of 2 × 2 km: two pads of 60 × 60 m appear, one beside farmland.

    Copy it (``shutil.copytree``) before changing it.
    """
    folder = tmp_path_factory.mktemp("filled")
    rng = np.random.default_rng(7)
    ground = rng.integers(400, 1600, (4, 20, 20)).repeat(10, 1).repeat(10, 2).astype(float)
    ground[3] += 1500
    first = ground + rng.normal(0, 15, ground.shape)
    second = ground * 1.05 + 30 + rng.normal(0, 15, ground.shape)
    for row, column in ((60, 60), (150, 170)):
        second[:, row : row + 6, column : column + 6] = np.array([3300, 3400, 3500, 3300])[:, None, None]
    clear = np.full((200, 200), 4)
    for name, values, day in (("before.tif", first, "2025-09-20"), ("after.tif", second, "2026-09-22")):
        write_scene(folder / name, values.astype(np.uint16), day, quality=clear)
    west, north = 680_000.0, 3_080_000.0
    frame = gpd.GeoDataFrame(
        {
            "BSM": ["430321000000000001", "430321000000000002"],
            "TBBH": ["00000001", "00000002"],
            "DLBM": ["0101", "05H1"],
            "DLMC": ["水田", "商业服务业设施用地"],
            "ZLDWDM": ["4303211010010000000"] * 2,
            "ZLDWMC": ["示意村"] * 2,
            "KCXS": [0.1, 0.0],
        },
        geometry=[
            shapely.box(west, north - 2000, west + 1500, north),
            shapely.box(west + 1500, north - 2000, west + 2000, north),
        ],
        crs="EPSG:32649",
    )
    frame.to_file(folder / "DLTB.gpkg", layer="DLTB", driver="GPKG")
    workspace = folder / "ws"
    for arguments in (
        ["init", workspace],
        ["layer", "add", "FARMLAND", folder / "DLTB.gpkg", "--edition", "2025"],
        ["scene", "add", folder / "before.tif", folder / "after.tif"],
    ):
        ran = gengxun(*arguments, cwd=workspace if workspace.exists() else folder)
        assert ran.code == 0, ran.err
    return workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of ``an_office``."""
    return build(tmp_path_factory.mktemp("office"))


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "ws"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: Path) -> Any:
    """gengxun inside this process, in ``office`` unless cwd names another folder."""
    call = runner(tmp_path, monkeypatch)
    return lambda *arguments, **more: call(*arguments, cwd=more.pop("cwd", office), **more)


@pytest.fixture
def taker() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """("127.0.0.1:port" for Apprise's json://, what arrived there)."""
    got: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", got
        server.shutdown()
