"""[io] ``gengxun train``: a model from labelled pairs or from verified cases; its card."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows.cli import Command, emit, say
from flows.cli.data import JSON
from flows.progress import step
from geodata.errors import InputError, MissingOption
from geodata.words import tr


@click.command(
    cls=Command,
    help=tr(
        "Train a model on pairs whose change is known. PAIRS.csv has the columns before, after and label, paths beside"
        " it; set (places are weighed alike by set) and group (images of one place) may be added. A label lies on the"
        " grid of BEFORE: 255 or 1 change, 0 none, all else not known. Or --from-cases, on what people verified in this"
        " workspace. Then: gengxun detect --model MODEL, or model in [inspect] of gengxun.toml."
    ),
)
@click.argument("pairs", required=False, type=click.Path(), metavar="PAIRS.csv")
@click.option("--out", type=click.Path(path_type=Path), metavar="MODEL", help=tr("File of the model, as roofs.gxm."))
@click.option("--from-cases", is_flag=True, help=tr("Learn from the verdicts of this workspace's cases."))
@click.option("--change", multiple=True, type=int, metavar="V", help=tr("Value of a label that means change."))
@click.option("--unchanged", multiple=True, type=int, metavar="V", help=tr("Value that means no change."))
@click.option("--ignore", multiple=True, type=int, metavar="V", help=tr("Value that is left out."))
@click.option("--show", type=click.Path(), metavar="MODEL", help=tr("Only show the card of a model."))
@JSON
def train(pairs: str | None, out: Path | None, from_cases: bool, change: tuple[int, ...], unchanged: tuple[int, ...],
          ignore: tuple[int, ...], show: str | None, as_json: bool) -> None:  # fmt: skip
    if show is not None:
        return _show(show, as_json)
    if (pairs is None) == (not from_cases):
        raise MissingOption("gengxun train: name a list PAIRS.csv, or give --from-cases; one of the two.")
    if out is None:
        raise MissingOption("gengxun train: say with --out MODEL where the model is written.")
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise InputError("--out {path}: cannot be written there; name a file in a folder that is there.", path=out)
    if from_cases:
        from flows.training import from_ledger

        with step(tr("training")) as progress:
            found = from_ledger(out.absolute(), _now(), progress)
    else:
        assert pairs is not None
        found = _on_pairs(Path(pairs), out.absolute(), _values(change, unchanged, ignore))
    _told(found, as_json)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _values(change: tuple[int, ...], unchanged: tuple[int, ...], ignore: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Raises: InputError where one value means two things."""
    told = {
        "change": change or tuple(v for v in (255, 1) if v not in (*unchanged, *ignore)),
        "unchanged": unchanged or tuple(v for v in (0,) if v not in (*change, *ignore)),
    }
    twice = (set(told["change"]) & set(told["unchanged"])) | (set(ignore) & {*told["change"], *told["unchanged"]})
    if twice or not told["change"] or not told["unchanged"]:
        raise InputError("--change, --unchanged and --ignore: a value means one thing, and both need one; name others.")
    return told


def _on_pairs(path: Path, out: Path, values: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    from flows.training import LIMITS, rows_of
    from geodata.safe import in_child

    rows = rows_of(path)
    with step(tr("training")) as progress:
        found: dict[str, Any] = in_child(
            "pipeline.learn.files:train_files",
            rows,
            str(out),
            about=path,
            limits=LIMITS,
            progress=progress,
            made_at=_now(),
            **values,
        )
    return found


def _show(path: str, as_json: bool) -> None:
    from pipeline.learn import modelfile
    from pipeline.plain import to_plain

    model = modelfile.read(path)
    _told({**to_plain(model.card), "out": path, "sha256": model.sha256}, as_json)


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return emit(found)
    gsd = found["gsd_m"]
    click.echo(
        tr(
            "{path}: {bands} ({dtype}), {gsd}; beside {free}; sha256 {sha}",
            path=found["out"],
            bands=", ".join(found["bands"]),
            dtype=found["dtype"],
            gsd=tr("pixel size not known") if gsd is None else f"{gsd[0]:.3g}–{gsd[1]:.3g} m",
            free=found["free"][0],
            sha=found["sha256"][:16],
        )
    )
    click.echo(tr("On images that were kept apart in training:"))
    click.echo(f"  {tr('set'):<14} {tr('fold'):>6} {tr('images'):>7} {'F1':>6} {'AUC':>6} {tr('change'):>8}")
    for row in found["folds"]:
        click.echo(_line(row["set"], str(row["fold"]), row, row))
    for name, row in found["by_set"].items():
        click.echo(_line(name, tr("all"), found["sets"][name], row))
    click.echo(
        tr("An image beside itself, moved and toned: {share} said to be changed.", share=f"{found['copies_share']:.2%}")
    )
    for note in found.get("notes", ()):
        say(note)


def _line(name: str, fold: str, size: dict[str, Any], figures: dict[str, Any]) -> str:
    f1, auc = ("-" if figures[key] is None else f"{figures[key]:.3f}" for key in ("f1", "auc"))
    return f"  {name:<14} {fold:>6} {size['images']:>7} {f1:>6} {auc:>6} {size['change_share']:>8.2%}"
