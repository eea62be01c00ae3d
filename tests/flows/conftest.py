"""The command line as a user calls it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Gengxun = Callable[..., Ran]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "GENGXUN"))}
    return {**kept, "GENGXUN_LANG": "en", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def gengxun() -> Gengxun:
    def run(*arguments: object, cwd: Path, lang: str = "en", timeout: float = 240) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *map(str, arguments)],
            cwd=cwd,
            env=environment() | {"GENGXUN_LANG": lang},
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
