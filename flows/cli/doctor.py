"""[io] ``gengxun doctor``: what is missing or wrong on this machine, and the mend."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import click

from flows import engine, settings
from flows.cli import Command, emit, portal_checks
from flows.cli.data import JSON
from flows.cli.portal_checks import Wrong
from geodata import safe
from geodata.errors import GengXunError, InputError
from geodata.words import tr

NEEDED_FREE_BYTES = 5 * 1024**3
Check = Callable[[], str]


def python() -> str:
    return sys.version.split()[0]


def libraries() -> str:
    names = ("rasterio", "fiona", "pyogrio", "geopandas", "shapely", "pyproj", "cv2", "folium", "pyarrow", "sqlalchemy")
    broken = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            broken.append(f"{name} ({error})")
    if broken:
        raise Wrong(tr("cannot be imported: {names}; install again: make demo", names=", ".join(broken)))
    return f"GDAL {importlib.import_module('rasterio').__gdal_version__}"


def projections() -> str:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True).transform(112.93422122, 27.82947110)
    if abs(x - 395000) > 0.01 or abs(y - 3080000) > 0.01:
        raise Wrong(tr("CGCS2000 transforms wrongly; remove PROJ_LIB and PROJ_DATA from the environment"))
    return "EPSG:4490 → 4547"


def closed_drivers() -> str:
    known = importlib.import_module("rasterio.drivers").raster_driver_extensions()
    if os.environ.get("GDAL_SKIP") != ",".join(safe.closed()) or "vrt" in known:
        raise Wrong(tr("GDAL would open files that call out; something imported it before gengxun did"))
    return tr("{count} drivers closed", count=len(safe.closed()))


def sqlite() -> str:
    if sqlite3.sqlite_version_info < (3, 35):
        raise Wrong(tr("SQLite {version} is too old; install a newer Python", version=sqlite3.sqlite_version))
    return sqlite3.sqlite_version


def loopback() -> str:
    try:
        engine.check_loopback()
    except GengXunError as error:
        raise Wrong(str(error)) from None
    return "127.0.0.1"


def prefect() -> str:
    from importlib.metadata import version

    minor = tuple(int(n) for n in version("fastapi").split(".")[:2])
    if minor >= (0, 155):
        raise Wrong(
            tr("fastapi {version} breaks the flow engine; install with -c constraints.txt", version=version("fastapi"))
        )
    return version("prefect")


def disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < NEEDED_FREE_BYTES:
        raise Wrong(tr("only {gb} GB free here; free at least 5", gb=f"{free / 1024**3:.1f}"))
    return f"{free / 1024**3:.0f} GB"


def workspace() -> str:
    try:
        office = settings.find()
        found = office.ledger.verify()
    except InputError as error:
        return str(error) if "gengxun.toml" in str(error) else _raise(str(error))
    if not found.ok:
        raise Wrong(tr("the ledger is broken from event {seq} on; see: gengxun verify", seq=found.first_bad))
    return tr("{path}: {events} events, intact", path=office.root, events=found.events)


def _raise(text: str) -> str:
    raise Wrong(text)


CHECKS: dict[str, Check] = {
    "python": python,
    "libraries": libraries,
    "projections": projections,
    "drivers": closed_drivers,
    "sqlite": sqlite,
    "loopback": loopback,
    "prefect": prefect,
    "disk": disk,
    "workspace": workspace,
    "address": portal_checks.address,
    "certificate": portal_checks.certificate,
    "port": portal_checks.port,
    "accounts": portal_checks.accounts,
}


@click.command(cls=Command, help=tr("What is missing or wrong on this machine, and the mend."))
@JSON
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    rows = []
    for name, check in CHECKS.items():
        try:
            rows.append({"check": name, "ok": True, "text": check()})
        except Wrong as wrong:
            rows.append({"check": name, "ok": False, "text": str(wrong)})
    if as_json:
        emit(rows)
    else:
        for row in rows:
            click.echo(f"{'✓' if row['ok'] else '✗'} {row['check']:<12} {row['text']}")
    context.exit(0 if all(row["ok"] for row in rows) else 1)
