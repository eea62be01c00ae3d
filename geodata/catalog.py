"""[io] Scenes at rest under one root: a STAC item and cloud-optimised GeoTIFFs each.

A scene is a folder ``scenes/<id>/`` with ``item.json``, ``data.tif`` and perhaps ``quality.tif``.
It appears whole or not at all; the id is made of the file's own hash, so that the same file twice
is one scene.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from geodata import bandroles, gridfile, identify, imagefile, safe, stac
from geodata.atomic import replacing_folder, write_bytes
from geodata.delivery import kept, recognise
from geodata.delivery.bundle import PACKED, UNPACKED
from geodata.delivery.model import Delivery
from geodata.delivery.plan import files_used, plan
from geodata.digest import sha256
from geodata.errors import EmptyData, GengXunError, InputError, InUse, NoOverlap, UnreadableFile, WorkError
from geodata.filepixels import FilePixels
from geodata.ortho import Ground, intake
from geodata.scene import Scene
from geodata.words import Text

NAMESPACE = uuid.UUID("6d1c2f0a-5b0e-5c8a-9f5e-2b1d9a7c4e10")
MIN_PIXELS = 8
"""Rows and columns below which an image is none."""
STALE_S = 86_400
"""Half-done folders older than this belong to no run."""


class _AlreadyThere(Exception):
    pass


class Catalog:
    """``root`` is the workspace's ``catalog`` folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def add_scene(
        self,
        path: str | os.PathLike[str],
        *,
        platform: str | None = None,
        acquired: str | date | datetime | None = None,
        bands: Sequence[str] | None = None,
        crs: str | None = None,
        offset: float | None = None,
        quality: str | os.PathLike[str] | None = None,
        ground: Ground = Ground(),
        progress: Callable[[float], None] | None = None,
    ) -> tuple[Scene, bool]:
        """Take an image or a delivery in: a file, a folder, an archive. Returns the scene, and whether it is new.

        platform, acquired, bands, crs: what the file itself does not say; of a delivery with an image a band, ``bands``
        chooses. offset: added to the counts of Sentinel-2. quality: a file with the quality band. ground: what an
        image that has only RPC is laid on and tied to; ``crs`` is then that of the map. progress: told the share
        done, 0 to 1.

        Raises: UnreadableFile, EmptyData, MissingOption, CRSMissing, CRSContradiction, UnknownCodes,
        NoOverlap, InputError; then nothing was changed.
        """
        tell = progress or (lambda share: None)
        said = identify.Said(platform, acquired, bands, crs, offset)
        self._sweep()
        with self._at_hand(str(path), safe.local_file(path), tell) as place:
            found = recognise.find(str(path), place)
            if isinstance(found, Path):
                given = {str(path if found == place else found.name): found}
                given |= {} if quality is None else {str(quality): safe.local_file(quality)}
                if len(set(given.values())) < 1 + (quality is not None):
                    raise InputError("{path}: image and quality band are the same file; name two.", path=path)
                return self._add_image(given, said, ground, tell)
            if quality is not None:
                raise InputError("{path}: is a delivery, whose own quality band is taken; leave --quality away.",
                                 path=path)  # fmt: skip
            return self._add_delivery(str(path), found, said, ground, tell)

    def _add_image(
        self, given: Mapping[str, Path], said: identify.Said, ground: Ground, tell: Callable[[float], None]
    ) -> tuple[Scene, bool]:
        """given: {name as the caller knows it: path} of the image, and of its quality file if there is one."""
        about, file = next(iter(given.items()))
        header = imagefile.describe(file)
        if len(given) > 1 or not intake.is_unprojected(header, file):
            _not_sharpened(about, ground)
            return self._add(about, list(given.values()), (), lambda: _planned(given, header, said), (), tell)
        image = intake.Handed(about, file, header, intake.rpc_beside(file))
        laying = intake.planned(about, image, None, ground, self.reference, said.crs)
        files = [file, *((image.rpc,) if image.rpc else ())]

        def planned(target: Path, header: dict[str, Any]) -> tuple[identify.Plan, dict[str, Any]]:
            found, recipe = _planned(given, header, said)
            return found, recipe | {"source": str(target)}

        return self._add_laid(about, files, laying, planned, (), tell)

    def _add_delivery(
        self, about: str, delivery: Delivery, said: identify.Said, ground: Ground, tell: Callable[[float], None]
    ) -> tuple[Scene, bool]:
        """Raises: MissingOption, InputError."""
        keep = (*delivery.metadata, *delivery.quicklooks)
        files = files_used(about, delivery, said)
        if delivery.projected or not delivery.products:
            _not_sharpened(about, ground)
            return self._add(about, files, (), lambda: plan(about, delivery, said), keep, tell)
        image, pan = intake.pair(about, delivery, ground)
        laying = intake.planned(about, image, pan, ground, self.reference, said.crs)

        def planned(target: Path, header: dict[str, Any]) -> tuple[identify.Plan, dict[str, Any]]:
            return plan(about, intake.as_laid(delivery, target, header, pan is not None), said)

        return self._add_laid(about, [*files, *((pan.file,) if pan else ())], laying, planned, keep, tell)

    def _add_laid(
        self,
        about: str,
        files: Sequence[Path],
        laying: intake.Laying,
        planned: Callable[[Path, dict[str, Any]], tuple[identify.Plan, dict[str, Any]]],
        keep: Sequence[Path],
        tell: Callable[[float], None],
    ) -> tuple[Scene, bool]:
        """A scene that is laid on the ground first. planned: told where the image on the ground is, and its header."""
        with self._aside() as work:
            target = work / "laid.tif"

            def laid() -> tuple[identify.Plan, dict[str, Any]]:
                planned(target, laying.header)  # what is to be asked for is asked before anything long begins
                done = laying.lay(target, lambda share: tell(0.1 + 0.6 * share))
                found, recipe = planned(target, done.header)
                found = dataclasses.replace(found, warnings=(*found.warnings, *done.notes))
                return found, recipe | {"ortho": done.record}

            later = lambda share: tell(share if share <= 0.1 else 0.7 + 0.3 * share)  # noqa: E731
            return self._add(about, files, laying.identity, laid, keep, later)

    def _add(
        self,
        about: str,
        files: Sequence[Path],
        key: Sequence[str],
        planned: Callable[[], tuple[identify.Plan, dict[str, Any]]],
        keep: Sequence[Path],
        tell: Callable[[float], None],
    ) -> tuple[Scene, bool]:
        """One scene of ``files``, the first of which has the grid. key: what the pixels depend on besides; keep:
        files that are kept beside the scene."""
        stamps = [_stamp(file) for file in files]
        provenance = _hashes(files)
        id = scene_id(*provenance.values(), *key)
        if (self._folder(id) / "item.json").exists():
            return self.scene(id), False
        tell(0.1)
        found, recipe = planned()
        ortho = recipe.pop("ortho", None)
        _check_day(found.acquired_at, about)
        try:
            with replacing_folder(self._folder(id)) as folder:
                counts = safe.in_child(
                    "geodata.gridfile:convert",
                    recipe.pop("source", str(files[0])),
                    str(folder),
                    recipe,
                    about=about,
                    progress=lambda share: tell(0.1 + 0.85 * share),
                )
                beside = kept.copied(keep, folder)
                if [_stamp(file) for file in files] != stamps:
                    raise UnreadableFile("{path}: was changed while it was read; add it again.", path=about)
                scene = dataclasses.replace(_scene(id, found, provenance, counts, beside), ortho=ortho)
                _write_item(folder, scene)
                if (self._folder(id) / "item.json").exists():
                    raise _AlreadyThere  # another process was faster: its scene stays as it is
        except _AlreadyThere:
            return self.scene(id), False
        tell(1.0)
        return self.scene(id), True

    @contextmanager
    def _at_hand(self, about: str, path: Path, tell: Callable[[float], None]) -> Iterator[Path]:
        """``path``, or the folder to which it was unpacked for the time being."""
        if not (path.is_file() and path.name.lower().endswith(PACKED)):
            yield path
            return
        with self._aside() as folder:
            safe.in_child(
                "geodata.archive:unpack_kinds",
                str(about),
                str(path),
                str(folder),
                UNPACKED,
                about=about,
                progress=lambda share: tell(0.1 * share),
            )
            try:
                yield folder
            except GengXunError as error:  # told of as the user knows it
                shown = error.fields.get("path")
                if isinstance(shown, str | Path) and Path(shown).is_relative_to(folder):
                    error.fields["path"] = f"{about}: {Path(shown).relative_to(folder)}"
                raise

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """An empty folder that is gone afterwards; one of a killed run is swept by a later one."""
        folder = self.root / "scenes" / f".{uuid.uuid4().hex}.tmp"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed runs left half done."""
        for folder in (self.root / "scenes").glob(".*.tmp"):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)

    def scenes(self) -> list[Scene]:
        """All scenes, the earliest first."""
        found = [
            self._read(item.parent) for item in (self.root / "scenes").glob("*/item.json") if _is_id(item.parent.name)
        ]
        return sorted(found, key=lambda scene: (scene.acquired_at, scene.id))

    def scene(self, id: str) -> Scene:
        """The scene with this id, or with the only id that begins so. Raises: InputError."""
        wanted = id.strip().lower()
        folders = [item.parent for item in (self.root / "scenes").glob("*/item.json") if _is_id(item.parent.name)]
        found = [folder for folder in folders if wanted and folder.name.startswith(wanted)]
        if not found:
            raise InputError("scene {id}: there is none with this id; “gengxun scene list” shows all.", id=id)
        if len(found) > 1 and wanted not in (folder.name for folder in found):
            raise InputError("scene {id}: {count} scenes begin so; give more of the id.", id=id, count=len(found))
        return self._read(min(found, key=lambda folder: (folder.name != wanted, folder.name)))

    def remove_scene(self, id: str, referenced: Callable[[str], int]) -> None:
        """Raises: InUse while ``referenced(id)`` inspections or flags refer to it; InputError."""
        scene = self.scene(id)
        count = referenced(scene.id)
        if count:
            raise InUse("scene {id}: {count} inspections or flags refer to it; it stays.", id=scene.id[:8], count=count)
        folder = self._folder(scene.id)
        gone = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
        os.replace(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

    def edit_scene(
        self,
        id: str,
        *,
        platform: str | None = None,
        acquired: str | date | datetime | None = None,
        bands: Sequence[str] | None = None,
    ) -> Scene:
        """Correct what a scene says of itself; its pixels stay. Raises: InputError."""
        scene = self.scene(id)
        about = f"scene {scene.id[:8]}"
        changed: dict[str, Any] = {}
        if platform is not None:
            changed["platform"] = identify.platform_said(platform, about)
        if acquired is not None:
            when = identify.time_said(acquired, about)
            _check_day(when.at, about)
            changed["acquired_at"] = when.at
            changed["warnings"] = (*scene.warnings, *identify.time_notes(when))
        if bands is not None:
            names = bandroles.band_names(bands, about)
            if len(names) != len(scene.bands):
                raise InputError(
                    "{path}: has {count} bands, but --bands names {given}; name every one.",
                    path=about,
                    count=len(scene.bands),
                    given=len(names),
                )
            changed["bands"] = names
        edited = dataclasses.replace(scene, **changed)
        folder = self._folder(scene.id)
        write_bytes(folder / "item.json", _json(stac.to_item(_local(edited), self._files(folder))))
        return self.scene(scene.id)

    def add_quality(self, scene: Scene, write: Callable[[Path], float | None], codes: str, note: Text) -> Scene:
        """Give a scene whose quality is unknown a quality band.

        write: writes a tiled GeoTIFF of ``codes`` (a table of ``sensors.QUALITY``) on the scene's grid and returns
        the per cent of valid pixels that are cloudy. note: what is said of it on the scene.
        """
        folder = self._folder(scene.id)
        with self._aside() as work:
            cover = write(work / "quality_stage.tif")
            gridfile.to_cog(work / "quality_stage.tif", work / "quality.tif", "uint8", "mode")
            added = sha256(work / "quality.tif"), (work / "quality.tif").stat().st_size
            os.replace(work / "quality.tif", folder / "quality.tif")
        kept_notes = [text for text in scene.warnings if not text["en"].startswith("quality unknown")]
        known = dataclasses.replace(
            _local(scene),
            assets={**_local(scene).assets, "quality": "quality.tif"},
            quality_codes=codes,
            cloud_cover=cover,
            warnings=(*kept_notes, note),
        )
        write_bytes(folder / "item.json", _json(stac.to_item(known, self._files(folder) | {"quality": added})))
        return self.scene(scene.id)

    def pixels(self, scene: Scene, onto: GeoBox | None = None, shift_m: tuple[float, float] = (0.0, 0.0)) -> FilePixels:
        """The scene's pixels, on its own grid or on ``onto``, moved by (east, north) metres."""
        if onto is not None and onto.crs is not None:
            here, there = stac.footprint(scene.geobox), stac.footprint(onto)
            if not here.intersects(there):
                raise NoOverlap(
                    "scene {id}: does not overlap the other image; choose a pair of the same place.", id=scene.id[:8]
                )
        return FilePixels(
            self.asset(scene, "data"),
            bands=scene.bands,
            quality_codes=scene.quality_codes,
            quality_path=self.asset(scene, "quality") if "quality" in scene.assets else None,
            scale=scene.scale,
            offset=scene.offset,
            nodata=scene.nodata,
            saturation=scene.saturation,
            crs=str(scene.geobox.crs),
            onto=onto,
            shift_m=shift_m,
        )

    def reference(self, said: str) -> intake.Reference:
        """What images are tied to: the orthomosaic at a path, or a scene by its id. Raises: InputError."""
        if Path(said).exists():
            file = safe.local_file(said)
            return intake.Reference(file.name, sha256(file), {"path": str(file)})
        if re.fullmatch(r"[0-9a-fA-F-]{4,36}", said.strip()) is None:
            raise InputError("--reference {said}: there is no such file, and it is no id of a scene.", said=said)
        scene = self.scene(said)
        opens = {"path": str(self.asset(scene, "data")), "bands": list(scene.bands), "nodata": scene.nodata}
        return intake.Reference(scene.id, scene.sha256, opens | {"crs": str(scene.geobox.crs)})

    def asset(self, scene: Scene, name: str) -> Path:
        """Where a file of the scene lies: "data", "quality" or "item"."""
        if name == "item":
            return self._folder(scene.id) / "item.json"
        if name not in scene.assets:
            raise KeyError(f"scene {scene.id} has no asset {name}")
        return self.root / scene.assets[name]

    def damaged(self, scene: Scene) -> list[str]:
        """Names of the scene's files that are gone or whose bytes are not those noted when it was added."""
        item = json.loads(self.asset(scene, "item").read_bytes())
        return [
            name
            for name in scene.assets
            if not (file := self.asset(scene, name)).is_file() or sha256(file) != stac.checksum(item, name)
        ]

    def _files(self, folder: Path) -> dict[str, tuple[str, int]]:
        """{asset: (sha256, bytes)} as the scene's item notes them."""
        item = json.loads((folder / "item.json").read_bytes())
        return {name: (stac.checksum(item, name), item["assets"][name]["file:size"]) for name in item["assets"]}

    def _folder(self, id: str) -> Path:
        return self.root / "scenes" / id

    def _read(self, folder: Path) -> Scene:
        try:
            return stac.from_item(json.loads((folder / "item.json").read_bytes()), f"scenes/{folder.name}")
        except (ValueError, KeyError, TypeError) as error:
            raise WorkError(
                "{path}: the scene's record is damaged; restore it or add the scene again.", path=folder / "item.json"
            ) from error


def scene_id(*hashes: str) -> str:
    """The id of a scene: uuid5 of the sha256 of what was handed in."""
    return str(uuid.uuid5(NAMESPACE, "\n".join(hashes)))


def _not_sharpened(about: str, ground: Ground) -> None:
    if ground.pansharpen:
        raise InputError("{path}: is on a map grid already; --pansharpen is for L1A with RPC.", path=about)


def _planned(
    given: Mapping[str, Path], header: dict[str, Any], said: identify.Said
) -> tuple[identify.Plan, dict[str, Any]]:
    """What an image with this header is, and how it is converted. given: {name as the caller knows it: path} of it,
    and of its quality file if there is one."""
    path = next(iter(given))
    if min(header["width"], header["height"]) < MIN_PIXELS:
        raise EmptyData(
            "{path}: has only {w} × {h} pixels; name another file.",
            path=path,
            w=header["width"],
            h=header["height"],
        )
    beside = next(((name, imagefile.describe(other, codes=True)) for name, other in list(given.items())[1:]), None)
    found = identify.plan(path, header, said, beside)
    if beside is None:
        return found, found.recipe
    return found, found.recipe | _quality_recipe(beside[0], given[beside[0]], beside[1], found.geobox)


def _hashes(files: Sequence[Path]) -> dict[str, str]:
    """{name: sha256} in the order of ``files``; a name that is there twice gets its folder's before it."""
    names = [file.name for file in files]
    return {
        file.name if names.count(file.name) == 1 else f"{file.parent.name}/{file.name}": sha256(file) for file in files
    }


def _scene(
    id: str, plan: identify.Plan, provenance: dict[str, str], counts: dict[str, Any], beside: Mapping[str, Path]
) -> Scene:
    valid, cloudy = counts["valid_pixels"], counts["cloudy_pixels"]
    rows, columns = plan.geobox.shape
    full = identify.saturation(plan, counts["highest"])
    return Scene(
        id=id,
        platform=plan.platform,
        acquired_at=plan.acquired_at,
        geobox=plan.geobox,
        gsd_m=plan.gsd_m,
        bands=plan.bands,
        assets={
            "data": "data.tif",
            **({"quality": "quality.tif"} if plan.quality_codes else {}),
            **{name: kept.named(name, file) for name, file in beside.items()},
        },
        cloud_cover=None if cloudy is None else round(100 * cloudy / valid, 2),
        provenance=provenance,
        quality_codes=plan.quality_codes,
        dtype=plan.dtype,
        nodata=plan.nodata,
        scale=plan.scale,
        offset=plan.offset,
        warnings=plan.warnings,
        valid_share=round(valid / (rows * columns), 4),
        saturation=full,
    )


def _quality_recipe(name: str, file: Path, header: dict[str, Any], image: GeoBox) -> dict[str, Any]:
    """Where the quality file lies. Raises: CRSMissing, NoOverlap."""
    from geodata import grids

    grid = grids.grid_of(header, name, None if header["crs"] else str(image.crs))
    if grid.crs is None:
        grid = GeoBox(grid.shape, image.affine, image.crs) if grid.shape == image.shape else grid
    if grid.crs is None or not stac.footprint(grid).intersects(stac.footprint(image)):
        raise NoOverlap(
            "{path}: the quality band does not lie on the image; name the one that belongs to it.", path=name
        )
    return {
        "quality_path": str(file),
        "quality_transform": tuple(grid.affine)[:6],
        "quality_crs": str(grid.crs),
    }


def _local(scene: Scene) -> Scene:
    """With assets named as seen from the item."""
    return dataclasses.replace(scene, assets={name: Path(href).name for name, href in scene.assets.items()})


def _write_item(folder: Path, scene: Scene) -> None:
    files = {name: (sha256(folder / href), (folder / href).stat().st_size) for name, href in scene.assets.items()}
    (folder / "item.json").write_bytes(_json(stac.to_item(scene, files)))


def _json(item: dict[str, Any]) -> bytes:
    return json.dumps(item, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False).encode()


def _stamp(file: Path) -> tuple[int, int, int]:
    found = os.stat(file)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _is_id(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name) is not None


def _check_day(at: datetime, path: object) -> None:
    """Raises InputError for a day that is not yet, or before there were satellites."""
    if not datetime(1960, 1, 1, tzinfo=UTC) < at < datetime.now(UTC) + timedelta(days=1):
        raise InputError(
            "{path}: {day} is not a day on which it can have been taken; say the right one with --acquired.",
            path=path,
            day=at.date().isoformat(),
        )
