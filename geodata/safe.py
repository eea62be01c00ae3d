"""[io] What GDAL may open, under which limits; untrusted files open in a child process.

``guard_gdal()`` runs when ``geodata`` is imported, before rasterio, fiona or pyogrio can be.
``in_child()`` runs one function of ours in a fresh interpreter with limits of CPU, memory and
time, and hands back what it returns: plain arrays, numbers, paths of files that we wrote.
"""

from __future__ import annotations

import logging
import os
import pickle
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata import errors
from geodata.errors import GengXunError, UnreadableFile, WorkError

# Drivers that read other files, call out, or have no place here. What stays: GTiff, COG, JP2,
# PNG, JPEG, MEM, WarpedVRT (not the VRT file format), SHP, GPKG, OpenFileGDB, GeoJSON, Parquet.
SKIPPED_RASTER = (
    "VRT,GTI,WMS,WCS,WMTS,HTTP,STACIT,STACTA,PLMOSAIC,EEDA,EEDAI,DAAS,OGCAPI,PCIDSK,PDF,MRF,"
    "KMLSUPEROVERLAY,HDF5,netCDF,BAG"
)
SKIPPED_VECTOR = (
    "GML,KML,LIBKML,OGR_VRT,WFS,OAPIF,CSW,Elasticsearch,Carto,AmigoCloud,PLSCENES,NGW,GPSBabel,"
    "GDALG,ADBC,HTTP,OSM,GeoRSS,MapML"
)
GUARD = {
    "GDAL_SKIP": SKIPPED_RASTER,
    "OGR_SKIP": SKIPPED_VECTOR,
    "GDAL_HTTP_PROXY": "127.0.0.1:9",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    # Before a wheel installs its own handler, GDAL prints to the terminal that it does not know
    # some driver of the lists above.
    "CPL_LOG": os.devnull,
    # One block cache a process, small: memory stays flat whatever the image.
    "GDAL_CACHEMAX": "128",
    "GDAL_NUM_THREADS": "1",
}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For a child: its many small matrix products wait for each other where two threads share a busy core."""
FOREIGN = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""Set by a system QGIS or conda, these break the wheels' own data."""

MAX_PIXELS = 4_000_000_000
"""One band of an image; beyond it the file is refused (a 47 kB file can claim 10¹²)."""
MAX_BLOCK_BYTES = 256 * 1024 * 1024
"""One block of an image, all bands; the whole image may be one block."""


def guard_gdal() -> None:
    """Close what GDAL must not open. Must run before rasterio, fiona or pyogrio are imported."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(GUARD)
    for name in ("rasterio._env", "fiona._env"):
        logger = logging.getLogger(name)
        if _not_about_skipping not in logger.filters:
            logger.addFilter(_not_about_skipping)


def _not_about_skipping(record: logging.LogRecord) -> bool:
    return "GDAL_SKIP" not in record.getMessage()


@dataclass(frozen=True)
class Limits:
    """What a child may use: CPU and wall-clock seconds, bytes of address space."""

    cpu_s: int = 3600
    wall_s: int = 7200
    memory_bytes: int = 6 * 1024**3


def local_file(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a file or folder that really stands on this disk.

    Names such as ``/vsicurl/…``, inline JSON or XML would open as "files" in GDAL: only what
    ``os.stat`` knows is passed on.

    Raises: UnreadableFile.
    """
    found = Path(path)
    try:
        mode = os.stat(found).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UnreadableFile("{path}: neither a file nor a folder; name one that is.", path=path)
        if not os.access(found, os.R_OK):
            raise PermissionError
    except PermissionError:
        raise UnreadableFile("{path}: may not be read by this user; change its permissions.", path=path) from None
    except (OSError, ValueError):
        raise UnreadableFile("{path}: there is no such file; check the path.", path=path) from None
    return found.resolve()


def in_child(
    function: str,
    *args: Any,
    about: str | os.PathLike[str],
    limits: Limits = Limits(),
    progress: Callable[[float], None] | None = None,
    **kwargs: Any,
) -> Any:
    """Run ``"module:name"`` with ``args`` in a child process and return what it returns.

    ``about`` names the untrusted file, for the sentence when the child dies or runs out of its
    limits. A function that takes ``progress`` gets one; its calls arrive at ours (0 to 1).

    Raises: whatever GengXunError the function raised; UnreadableFile if the child died.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", "from geodata.safe import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        env=os.environ | ONE_THREAD,
    )
    assert child.stdin
    assert child.stdout
    timer = threading.Timer(limits.wall_s, child.kill)
    timer.daemon = True
    timer.start()
    try:
        pickle.dump((function, args, kwargs, limits, progress is not None), child.stdin)
        child.stdin.close()
        while True:
            try:
                word, value = _Plain(child.stdout).load()
            except Exception:  # cut off in the middle, a name that is not allowed, or garbage
                raise UnreadableFile(
                    "{path}: reading it broke off (damaged, or beyond the limits of {gb} GB and {minutes} min);"
                    " check the file.",
                    path=about,
                    gb=limits.memory_bytes // 1024**3,
                    minutes=limits.wall_s // 60,
                ) from None
            if word == "progress" and progress:
                progress(value)
            elif word == "result":
                return value
            elif word == "error":
                raise _error(*value)
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        child.stdout.close()


class _Plain(pickle.Unpickler):
    """What a child may hand back: plain values, arrays, our own errors and records; a child that a
    hostile file took over can name nothing else."""

    ALLOWED = frozenset(
        {
            "numpy.ndarray",
            "numpy.dtype",
            "numpy._core.multiarray._reconstruct",
            "numpy._core.multiarray.scalar",
            "numpy._core.numeric._frombuffer",
            "geodata.errors._rebuild",
        }
    )
    PATHS = ("pathlib", "pathlib._local")  # the second: where Python 3.13 keeps them

    def find_class(self, module: str, name: str) -> Any:
        # Names one by one: a module as a whole would hand over what it imports (pathlib.os.system).
        day = module == "datetime" and name in ("date", "datetime", "time", "timedelta", "timezone")
        path = module in self.PATHS and name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
        if f"{module}.{name}" in self.ALLOWED or day or path:
            return super().find_class(module, name)
        if module == "geodata.errors" and name.isidentifier():
            found = super().find_class(module, name)
            if isinstance(found, type) and issubclass(found, GengXunError):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} may not come from a child")


def serve() -> None:
    """The child's side: one call in, messages out. Standard output is kept for the messages."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(word: str, value: Any) -> None:
        pickle.dump((word, value), out)
        out.flush()

    function, args, kwargs, limits, wants_progress = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the parent)
    try:
        _limit(limits)
        module, name = function.split(":")
        __import__(module)
        if wants_progress:
            kwargs["progress"] = lambda share: send("progress", share)
        send("result", getattr(sys.modules[module], name)(*args, **kwargs))
    except GengXunError as error:
        send("error", _parts(error))
    except MemoryError:
        os._exit(1)  # the parent says the sentence
    except Exception as error:  # a defect of ours or of a library: told apart from the user's mistake
        told = WorkError("{what}: {error}", what=function, error=f"{type(error).__name__}: {error}")
        send("error", _parts(told))


def _parts(error: GengXunError) -> tuple[str, str, dict[str, object]]:
    """Plain values: libraries that are there by chance (tblib, by way of Dask) change how exceptions are pickled."""
    return type(error).__name__, error.msgid, error.fields


def _error(kind: str, msgid: str, fields: dict[str, object]) -> GengXunError:
    """The error again; a child that names none of ours has failed at its work."""
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, GengXunError):
        return found(msgid, **fields)
    return WorkError(msgid, **fields)


def _limit(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows: only the wall clock holds
        return
    for what, value in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_AS, limits.memory_bytes)):
        resource.setrlimit(what, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
