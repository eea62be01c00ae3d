"""[io] ``gengxun layer inspect``: what a delivered layer is, and the line that takes it in."""

from __future__ import annotations

import shlex
from typing import Any

import click

from flows import settings
from flows.cli import Command, emit
from flows.cli.casework import today
from flows.cli.data import JSON, worded
from flows.progress import step
from geodata.editions import Editions
from geodata.errors import InputError
from geodata.kindguess import ISSUED
from geodata.layers import Kind
from geodata.lookover import FileSeen, LayerSeen, look_over
from geodata.vectorfile import FileLayer
from geodata.words import tr


@click.command(
    "inspect",
    cls=Command,
    help=tr(
        "Look a layer over before it is taken in: what it is and why, where it lies on the jurisdiction, what its"
        " columns would be taken for, what is wrong with how many records, and the line to type next. Nothing is"
        " changed; inside a workspace the layers held are compared with, too."
    ),
)
@click.argument("path", type=click.Path())
@click.option("--layer", "layer_name", help=tr("Which layer of a GDB, GPKG, workbook or archive."))
@click.option("--crs", help=tr("Look at it as if it were in this coordinate system."))
@click.option("--beside", metavar="PATH", help=tr("Compare with this layer, in place of those held: is it shifted?"))
@JSON
def layer_inspect(path: str, layer_name: str | None, crs: str | None, beside: str | None, as_json: bool) -> None:
    with step(tr("reading {path}", path=path)) as progress:
        seen = look_over(path, held=_held(), layer=layer_name, crs=crs, beside=beside, today=today(), progress=progress)
    if as_json:
        return emit(document(path, seen))
    for line in report(path, seen):
        click.echo(line)


def _held() -> Editions | None:
    try:
        return settings.find().editions
    except InputError:  # outside a workspace there is nothing to compare with
        return None


# --- for people -----------------------------------------------------------------------------------


def report(path: str, seen: FileSeen) -> list[str]:
    encoding = f", {seen.encoding}" if seen.encoding else ""
    lines = [f"{path}: {seen.format}{encoding}"]
    lines += [f"  ! {worded(text)}" for text in seen.warnings]
    detailed = {one.name for one in seen.seen}
    for layer in seen.layers:
        if layer.name not in detailed:
            lines.append("  " + _brief(layer))
    if not detailed:
        lines.append("  " + (tr("Name one with --layer to look it over.") if _polygons(seen) else tr("No polygons.")))
    for one in seen.seen:
        lines += ["", *_about(path, one)]
    return lines


def _polygons(seen: FileSeen) -> bool:
    return any(layer.is_polygon and layer.features for layer in seen.layers)


def _brief(layer: FileLayer) -> str:
    return tr("{name}: {type}, {n} records, {columns} columns", name=layer.name, type=layer.geometry or tr("table"),
              n=layer.features, columns=len(layer.columns))  # fmt: skip


def _about(path: str, one: LayerSeen) -> list[str]:
    lines = [f"[{one.name}] {one.geometry}, " + tr("{n} records", n=f"{one.features:,}")]
    lines.append("  " + tr("kind: {kind}", kind=_kind(one.guess.kind)))
    lines += [f"    {worded(text)}" for text in one.guess.evidence]
    lines.append("  " + tr("coordinates: {crs}", crs=_crs(one)))
    if one.lonlat:
        lines.append("    {:.5f} … {:.5f} E, {:.5f} … {:.5f} N".format(*(one.lonlat[i] for i in (0, 2, 1, 3))))
    if one.place:
        lines.append("    " + _place(one))
    if one.codes:
        lines.append("  " + tr("code system: {system}", system=_codes(one)))
    lines.append("  " + tr("columns (ours ← theirs, type, filled, examples):"))
    for column in one.columns:
        ours = tr("dropped: about persons") if column.personal else column.ours
        arrow = f"{ours} ← {column.theirs}" if ours != column.theirs else column.theirs
        lines.append(f"    {arrow:<32} {column.type:<10} {column.filled:>4.0%}  {' | '.join(column.examples)}")
    lines += [f"  {line}" for line in _outcome(one)]
    if commands := commands_of(path, one):
        lines.append("  " + (tr("to take it in:") if len(commands) == 1 else tr("to take it in, choose one:")))
        lines += [f"    {command}" for command in commands]
    return lines


def _kind(kind: str) -> str:
    if kind == ISSUED:
        return tr("issued patches: a batch of clues, no layer")
    return kind or tr("not known; choose one of {kinds}", kinds=", ".join(Kind))


def _crs(one: LayerSeen) -> str:
    how = {
        "file": tr("said by the file"),
        "format": tr("by the standard of the format; the file does not say it"),
        "fits": tr("not said; the coordinates fit it, please confirm"),
        "given": tr("as given"),
        "": tr("name it with --crs"),
    }[one.crs_how]
    name = one.crs or tr("not said")
    return f"{name.splitlines()[0][:60]} ({how})"


def _place(one: LayerSeen) -> str:
    assert one.place
    told = {
        "inside": tr("inside {of}", of=one.place.of),
        "overlaps": tr("{share:.0f}% inside {of}", of=one.place.of, share=100 * one.place.share),
        "outside": tr("outside {of}", of=one.place.of),
    }
    return told[one.place.relation]


def _codes(one: LayerSeen) -> str:
    own = {name: one.codes[name] for name in ("sandiao", "ydyh")}
    decided = [name for name, codes in own.items() if codes]
    said = decided[0] if len(decided) == 1 else tr("open")
    if one.trial and one.trial.code_system and not decided:
        said = tr("either, every code means the same in both")
    parts = [f"{name}: {_some(codes)}" for name, codes in own.items() if codes]
    parts += [f"{tr(name)}: {_some(one.codes[name])}" for name in ("colliding", "unknown") if one.codes[name]]
    return said + (f" ({'; '.join(parts)})" if parts else "")


def _some(codes: Any) -> str:
    shown = [f"{code} × {n}" for code, n in list(codes.items())[:6]]
    return ", ".join(shown) + (" …" if len(codes) > 6 else "")


def _outcome(one: LayerSeen) -> list[str]:
    if one.refused:
        return [tr("would be refused: {why}", why=worded(one.refused))]
    if one.trial is None:
        return []
    trial = one.trial
    lines = [tr("would be held: {n} polygons, {ha} ha", n=f"{trial.features:,}", ha=f"{trial.area_m2 / 10_000:,.2f}")]
    lines += [f"  {tr(reason)} × {count}" for reason, count in trial.repaired.items()]
    return lines + [f"  ! {worded(text)}" for text in trial.warnings]


def commands_of(path: str, one: LayerSeen) -> list[str]:
    """Lines for a shell, quoted; none where something must be mended first."""
    if one.guess.kind == ISSUED:
        return [shlex.join(["gengxun", "batch", "add", path, "--source", "issued", "--batch", one.edition])]
    kind = one.guess.kind or "BOUNDARY"
    return [
        shlex.join(["gengxun", "layer", "add", kind, path, "--edition", one.edition, *options]) for options in one.lines
    ]


# --- for programs ---------------------------------------------------------------------------------


def document(path: str, seen: FileSeen) -> dict[str, Any]:
    """What ``--json`` prints; keys are added, never changed."""
    return {
        "path": path,
        "format": seen.format,
        "encoding": seen.encoding,
        "warnings": [worded(text) for text in seen.warnings],
        "layers": [
            {"name": layer.name, "geometry": layer.geometry, "features": layer.features, "crs": layer.crs,
             "columns": dict(layer.columns)}
            for layer in seen.layers
        ],
        "inspected": [_document(path, one) for one in seen.seen],
    }  # fmt: skip


def _document(path: str, one: LayerSeen) -> dict[str, Any]:
    trial = one.trial
    return {
        "name": one.name,
        "geometry": one.geometry,
        "features": one.features,
        "kind": one.guess.kind or None,
        "evidence": [worded(text) for text in one.guess.evidence],
        "crs": one.crs,
        "crs_how": one.crs_how,
        "bounds": one.bounds,
        "lonlat": one.lonlat,
        "place": {"of": one.place.of, "relation": one.place.relation, "share": one.place.share} if one.place else None,
        "code_system": trial.code_system if trial else None,
        "codes": {name: dict(codes) for name, codes in one.codes.items()},
        "columns": [
            {"theirs": c.theirs, "ours": c.ours or None, "type": c.type, "filled": round(c.filled, 4),
             "examples": list(c.examples), "personal": c.personal}
            for c in one.columns
        ],
        "refused": worded(one.refused) if one.refused else None,
        "polygons": trial.features if trial else None,
        "area_m2": round(trial.area_m2, 2) if trial else None,
        "repaired": dict(trial.repaired) if trial else {},
        "warnings": [worded(text) for text in trial.warnings] if trial else [],
        "commands": commands_of(path, one),
    }  # fmt: skip
