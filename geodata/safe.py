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
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from geodata import errors, nursery
from geodata import limits as file_limits
from geodata.errors import GengXunError, UnreadableFile, WorkError

NEEDED = frozenset(
    {"GTiff", "COG", "JP2OpenJPEG", "PNG", "JPEG", "WEBP", "MEM", "Memory"}
    | {"ESRI Shapefile", "GPKG", "OpenFileGDB", "GeoJSON"}
)
"""Drivers of GDAL that are used here. GDAL is told by name what else it must not open; a test finds the
name that a newer wheel brings along."""
CALLING_OUT = (
    "WMS,WCS,WMTS,HTTP,STACIT,STACTA,PLMOSAIC,EEDA,EEDAI,DAAS,OGCAPI,WFS,OAPIF,CSW,Elasticsearch,Carto,"
    "AmigoCloud,PLSCENES,NGW"
)
"""Drivers that ask other machines."""
INDIRECT = (
    "VRT,GTI,OGR_VRT,GDALG,ADBC,GPSBabel,PCIDSK,PDF,MRF,KMLSUPEROVERLAY,HDF5,netCDF,BAG,GML,KML,LIBKML,OSM,GeoRSS,MapML"
)
"""Drivers that read other files, follow names in a file, or run scripts."""
UNUSED = (
    "AAIGrid,ACE2,ADRG,AIG,AirSAR,AIVector,AVCBin,AVCE00,BIGGIF,BLX,BMP,BSB,BT,BYN,CAD,CALS,CEOS,COASP,COSAR,CPG,"
    "CSV,CTable2,CTG,DERIVED,DGN,DIMAP,DIPEx,DOQ1,DOQ2,DTED,DXF,ECRGTOC,EDIGEO,EHdr,EIR,ELAS,ENVI,ERS,ESAT,ESRIC,"
    "ESRIJSON,FAST,FIT,FlatGeobuf,GenBin,Geoconcept,GeoJSONSeq,GFF,GIF,GNMDatabase,GNMFile,GPX,GRASSASCIIGrid,"
    "GRIB,GS7BG,GSAG,GSBG,GSC,GTFS,GTX,GXF,HDF5Image,HF2,HFA,Idrisi,ILWIS,IRIS,ISCE,ISG,ISIS2,ISIS3,JAXAPALSAR,"
    "JDEM,JML,JSONFG,KRO,L1B,LAN,LCP,Leveller,LOSLAS,LVBAG,MAP,MapInfo File,MBTiles,MFF,MFF2,MiraMonVector,MSGN,"
    "MVT,NDF,NGSGEOID,NITF,NOAA_B,NSIDCbin,NTv2,NWT_GRC,NWT_GRD,ODS,OGR_GMT,OGR_PDS,OZI,PAux,PCRaster,PDS,PDS4,"
    "PGDUMP,PMTiles,PNM,PRF,R,Rasterlite,RIK,RMF,ROI_PAC,RPFTOC,RRASTER,RS2,RST,S102,S104,S111,S57,SAFE,SAGA,"
    "SAR_CEOS,SDTS,Selafin,SENTINEL2,SGI,SIGDEM,SNAP_TIFF,SNODAS,SQLite,SRP,SRTMHGT,SVG,SXF,Terragen,TGA,TIGER,"
    "TIL,TopoJSON,TSX,UK .NTF,USGSDEM,VDV,VFK,VICAR,WAsP,XLSX,XPM,XYZ,Zarr,ZMap"
)
"""Drivers that have no place here."""
GUARD = {
    "GDAL_HTTP_PROXY": "127.0.0.1:9",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    # Before a wheel installs its own handler, GDAL prints to the terminal that it does not know
    # some driver of the lists above.
    "CPL_LOG": os.devnull,
    # One block cache a process, small: memory stays flat whatever the image.
    "GDAL_CACHEMAX": "128",
    "GDAL_NUM_THREADS": "1",
}
FOREIGN = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""Set by a system QGIS or conda, these break the wheels' own data."""


def guard_gdal(drivers: Iterable[str] = ()) -> None:
    """Close what GDAL must not open. Must run before rasterio, fiona or pyogrio are imported.

    drivers: opened besides those of ours, in a child that starts with this list.
    """
    for name in FOREIGN:
        os.environ.pop(name, None)
    opened = set(drivers)
    os.environ.update(GUARD)
    os.environ["GDAL_SKIP"] = os.environ["OGR_SKIP"] = ",".join(closed(opened))
    if opened & set(CALLING_OUT.split(",")):  # who lets such a driver in lets it call
        del os.environ["GDAL_HTTP_PROXY"], os.environ["CPL_VSIL_CURL_ALLOWED_EXTENSIONS"]
    for name in ("rasterio._env", "fiona._env"):
        logger = logging.getLogger(name)
        if _not_about_skipping not in logger.filters:
            logger.addFilter(_not_about_skipping)


def closed(opened: Iterable[str] = ()) -> list[str]:
    """Names of the drivers that GDAL is told not to open."""
    return sorted(set(f"{CALLING_OUT},{INDIRECT},{UNUSED}".split(",")) - set(opened))


def _not_about_skipping(record: logging.LogRecord) -> bool:
    return "GDAL_SKIP" not in record.getMessage()


@dataclass(frozen=True)
class Limits:
    """What a child may use: CPU and wall-clock seconds, bytes of address space beyond those it
    starts with. ours: long work of ours
    (training), which the workspace's limits on files do not shorten."""

    cpu_s: int = 3600
    wall_s: int = 7200
    memory_bytes: int = 6 * 1024**3
    ours: bool = False


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
    limits: Limits | None = None,
    progress: Callable[[float], None] | None = None,
    **kwargs: Any,
) -> Any:
    """Run ``"module:name"`` with ``args`` in a child process and return what it returns.

    ``about`` names the untrusted file, for the sentence when the child dies or runs out of its
    limits (those of the workspace, and ``limits``). A function that takes ``progress`` gets one; its
    calls arrive at ours (0 to 1).

    Raises: whatever GengXunError the function raised; UnreadableFile if the child died.
    """
    files = file_limits.current()
    limits = _within(files, limits)
    with nursery.child(function.partition(":")[0], tuple(files.drivers)) as child:
        timer = threading.Timer(limits.wall_s, child.life.kill)
        timer.daemon = True
        timer.start()
        try:
            call = (function, args, kwargs, limits, files, progress is not None, dict(os.environ))
            pickle.dump(call, child.given)
            child.given.close()
            return _answered(child.told, about, limits, progress)
        except BrokenPipeError:  # it died before it had read what to do
            raise _broken(about, limits) from None
        finally:
            timer.cancel()
            timer.join()


def _within(files: file_limits.FileLimits, limits: Limits | None) -> Limits:
    """What a call asks for, but no more than the workspace allows; work that is ours as a whole says so."""
    most = Limits(files.seconds, files.seconds, int(files.memory_gb * 1024**3))
    if limits is None or limits.ours:
        return limits or most
    return Limits(*(min(getattr(limits, name), getattr(most, name)) for name in ("cpu_s", "wall_s", "memory_bytes")))


def _answered(
    told: IO[bytes], about: str | os.PathLike[str], limits: Limits, progress: Callable[[float], None] | None
) -> Any:
    while True:
        try:
            word, value = _Plain(told).load()
        except Exception:  # cut off in the middle, a name that is not allowed, or garbage
            raise _broken(about, limits) from None
        if word == "progress" and progress:
            progress(value)
        elif word == "result":
            return value
        elif word == "error":
            raise _error(*value)


def _broken(about: str | os.PathLike[str], limits: Limits) -> UnreadableFile:
    return UnreadableFile(
        "{path}: reading it broke off (damaged, or beyond the limits of {gb} GB and {minutes} min); check the file.",
        path=about,
        gb=f"{limits.memory_bytes / 1024**3:.3g}",
        minutes=f"{limits.wall_s / 60:.3g}",
    )


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


def answer(source: IO[bytes], out: IO[bytes]) -> None:
    """The child's side: one call in, messages out."""

    def send(word: str, value: Any) -> None:
        pickle.dump((word, value), out)
        out.flush()

    function, args, kwargs, limits, files, wants_progress, environment = pickle.load(source)  # noqa: S301 (the parent's)
    try:
        _as_the_parent(environment)
        file_limits.use(files)
        _limit(limits)
        if not limits.ours:  # what a library prints about a strange file says nothing to the user
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
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


def _as_the_parent(environment: dict[str, str]) -> None:
    """The environment of the parent as it is now; what may be opened stays as this child was started."""
    kept = {*GUARD, *nursery.ONE_THREAD, "GDAL_SKIP", "OGR_SKIP"}
    for name in set(os.environ) - set(environment) - kept:
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if name not in kept})


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
    memory = limits.memory_bytes + _address_space()
    for what, value in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_AS, memory)):
        resource.setrlimit(what, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    """Bytes that this process holds already: of the libraries that were imported, little of it used."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
