"""A workspace with many cases, served by a real uvicorn: what the benchmarks of the portal stand on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata.editions import Editions
from maps.portal import people
from maps.portal.store import Store
from pipeline.cases.ledger import Ledger
from tests.benchmarks.ledger import generate
from tests.maps.invented_rows import districts

NAME, WORD = "基准", "benchmark pass phrase 7"
ROOT = Path(__file__).parents[2]


def workspace(folder: Path, cases: int, ledger: Path | None = None) -> Path:
    """Made anew unless it lies there: settings, ledger, districts and one account of the bureau."""
    root = folder / f"office-{cases}"
    if (root / "gengxun.toml").is_file():
        return root
    root.mkdir(parents=True, exist_ok=True)
    if ledger is not None:
        shutil.copy(ledger, root / "ledger.db")
    else:
        generate(root / "ledger.db", cases)
    units = [
        {
            "type": "Feature",
            "properties": {"XZQDM": unit.code, "XZQMC": unit.name},
            "geometry": unit.geometry.__geo_interface__,
        }
        for unit in districts(16)
    ]
    drawn = folder / "XZQ.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": units}), encoding="utf-8")
    Editions(root / "catalog" / "layers").add("DISTRICT", drawn, edition="2025", crs="EPSG:4490")
    people.add(Store(root / "portal.db"), NAME, "reviewer", (), at=datetime.now(UTC), password=WORD)
    (root / "gengxun.toml").write_text('[bureau]\nname = "示意市"\n', encoding="utf-8")
    return root


def some_number(root: Path) -> str:
    with Ledger(root / "ledger.db") as ledger:
        return str(ledger.rows(limit=1)[0]["number"])


@contextmanager
def serving(root: Path, workers: int = 2) -> Iterator[str]:
    """The address of the portal, in processes of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "flows.serve:app", "--factory", "--port", str(port)]
    environment = os.environ | {"GENGXUN_WORKSPACE": str(root), "PREFECT_LOGGING_LEVEL": "ERROR"}
    log = (root / "serving.log").open("wb")
    done = subprocess.Popen(
        [*command, "--workers", str(workers), "--log-level", "warning", "--no-access-log",
         "--timeout-worker-healthcheck", "60"],
        env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(240):
            with suppress(OSError):
                urllib.request.urlopen(f"{base}/alive", timeout=2).close()
                break
            time.sleep(0.25)
        yield base
    finally:
        os.killpg(done.pid, signal.SIGTERM)
        done.wait(20)
        log.close()
