"""What a file from outside may claim and cost: one set of limits for the process that reads it.

``flows.settings`` takes them from ``[limits]`` of gengxun.toml and says ``use``; every child process of
``geodata.safe`` is given those of its parent. They hold for a process as a whole, because every reader of
every floor works under them, and none may forget to hand them on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from geodata.errors import InputError, UnreadableFile


@dataclass(frozen=True)
class FileLimits:
    """pixels: of one band. block_mb: of one block of an image, all bands. bands. photo_pixels: of a photo.
    features, vertices: of a layer; vertices_each: of one of its shapes. columns, layers: of a vector file.
    text_kb: of one text. nesting: of JSON and XML. members, unpacked_gb, ratio: of an archive, the last times
    its own size. seconds, memory_gb: of one child process. drivers: of GDAL for images, opened besides ours."""

    pixels: int = 4_000_000_000
    block_mb: int = 256
    bands: int = 512
    photo_pixels: int = 300_000_000
    features: int = 50_000_000
    vertices: int = 2_000_000_000
    vertices_each: int = 5_000_000
    columns: int = 2000
    layers: int = 1000
    text_kb: int = 1024
    nesting: int = 64
    members: int = 20_000
    unpacked_gb: float = 64.0
    ratio: int = 200
    seconds: int = 7200
    memory_gb: float = 6.0
    drivers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, value in ((f.name, getattr(self, f.name)) for f in fields(self)):
            if not isinstance(value, list) and value <= 0:
                raise InputError("[limits] {name} is {value}; it must be above 0.", name=name, value=value)

    @property
    def block_bytes(self) -> int:
        return self.block_mb * 1024**2


_current = FileLimits()


def current() -> FileLimits:
    """Those of this process."""
    return _current


def use(limits: FileLimits) -> None:
    """From now on, in this process and in every child that it starts."""
    global _current  # noqa: PLW0603
    _current = limits


def at_most(path: object, what: str, found: int, limit: int) -> None:
    """Raises: UnreadableFile where ``path`` has more of ``what`` (the name of a limit) than ``limit``."""
    if found > limit:
        raise UnreadableFile(
            "{path}: {what} {found}, above the limit of {limit}; make it smaller, or raise [limits] {what} in"
            " gengxun.toml.",
            path=path,
            what=what,
            found=found,
            limit=limit,
        )
