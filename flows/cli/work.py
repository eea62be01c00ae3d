"""[io] ``gengxun demo``, ``detect``, ``ingest``, ``inspect``, ``publish``, ``schedule``: what runs."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Command, emit, say
from flows.cli.data import BANDS, JSON
from flows.progress import step
from geodata.days import day_of
from geodata.errors import InputError, MissingOption, WorkError
from geodata.words import language, tr
from pipeline.cases.table import role_name


def _model(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Its absolute path. Raises: UnreadableFile."""
    from geodata.safe import local_file

    return None if value is None else str(local_file(value))


MODEL = click.option(
    "--model",
    callback=_model,
    metavar="FILE",
    help=tr("A model of gengxun train, or a change network of your own: net.onnx, with its card net.toml beside it."),
)


@click.command(
    cls=Command,
    help=tr(
        "Compare two image files, BEFORE and AFTER: score.tif, change.tif and changes.gpkg in DIR."
        " No workspace, no layers; files without georeference too."
    ),
)
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option("--out", required=True, type=click.Path(), metavar="DIR", help=tr("Folder for the three results."))
@click.option(
    "--method",
    help=tr(
        "multispectral, irmad, highres, logratio, height (two surface models), learned or onnx (both with --model);"
        " left out: chosen by the bands and their pixel size."
    ),
)
@MODEL
@BANDS
@click.option(
    "--workers", type=int, default=0, metavar="N", help=tr("Compare in N processes; left out: threads of one process.")
)
@click.option(
    "--dask",
    default="",
    metavar="ADDRESS",
    help=tr("Compare on a Dask cluster, which sees the files at the same paths: tcp://host:8786 of its scheduler."),
)
@JSON
def detect(
    before: str,
    after: str,
    out: str,
    method: str | None,
    model: str | None,
    bands: tuple[str, ...] | None,
    workers: int,
    dask: str,
    as_json: bool,
) -> None:
    from geodata.safe import in_child, local_file

    paths = [str(local_file(path)) for path in (before, after)]
    target = Path(out).absolute()
    if target.exists() and not (target.is_dir() and os.access(target, os.W_OK)):
        raise InputError("--out {path}: is no folder that can be written to; name another.", path=out)
    with step(tr("comparing")) as progress:
        found: dict[str, Any] = in_child(
            "pipeline.detect.files:detect_files",
            *paths,
            str(target),
            about=f"{before}, {after}",
            progress=progress,
            method=method,
            model=model,
            bands=bands,
            workers=workers,
            dask=dask,
        )
    if as_json:
        return emit(found)
    for note in found["notes"]:
        say(note[language()])
    click.echo(
        tr(
            "{changes} changes ({method}: {reason}; threshold {threshold}), {share} of the image compared: {path}",
            changes=found["changes"],
            method=found["method"],
            reason=found["method_reason"][language()],
            threshold=f"{found['threshold']:.3g}",
            share=f"{found['observed']:.1%}",
            path=target,
        )
    )
    if "noise_m" in found:
        click.echo(
            tr(
                "{rose} rose, {sank} sank; noise {noise:.2f} m; taken off: {offset:+.2f} m and a tilt of"
                " {across:+.2f} m across, {down:+.2f} m down the image",
                rose=found["rose"],
                sank=found["sank"],
                noise=found["noise_m"],
                offset=found["offset_m"],
                across=found["tilt_m"][0],
                down=found["tilt_m"][1],
            )
        )


@click.command(cls=Command, help=tr("Take in what lies in the inbox, once."))
@JSON
def ingest(as_json: bool) -> None:
    office = settings.find()
    with _engine(office):
        from flows.ingest import ingest as flow

        found: dict[str, Any] = flow(office.root)
    if as_json:
        emit(found)
        return _stop_if(found["failed"])
    click.echo(
        tr(
            "taken {taken}, held already {known}, rejected {rejected}, waiting {waiting}",
            **{key: len(value) for key, value in found.items()},
        )
    )
    for name, reason in {**found["rejected"], **found["failed"]}.items():
        say(f"{name}: {reason}")
    _stop_if(found["failed"])


def _stop_if(failed: Any) -> None:
    if failed:
        sys.exit(WorkError.exit_code)


@click.command(
    cls=Command,
    help=tr(
        "Compare new scenes with their best earlier ones, overlay the changes with the layers valid that day,"
        " and record what touches farmland. The same inputs again give nothing new."
    ),
)
@click.option("--before", metavar="ID", help=tr("Scene to compare with; left out: the best earlier one."))
@click.option("--after", metavar="ID", help=tr("Scene to look at; left out: every new one."))
@click.option(
    "--method", help=tr("As in detect; left out: gengxun.toml, else chosen by the bands and their pixel size.")
)
@MODEL
@JSON
def inspect(before: str | None, after: str | None, method: str | None, model: str | None, as_json: bool) -> None:
    office = settings.find()
    check(office, before, after, method, model)
    with _engine(office):
        from flows.inspect import inspect as flow

        found = flow(office.root, before=before, after=after, method=method, model=model)
    if as_json:
        return emit(found)
    report(found)


@click.command(
    cls=Command,
    help=tr(
        "Look in every later scene at the ground that is suspected (does the scene agree, or was it the season), and at"
        " what is under rectification, waits for acceptance or is closed and under watch: restored, not restored or"
        " cannot tell, with figures. It proposes; people accept."
    ),
)
@JSON
def recheck(as_json: bool) -> None:
    office = settings.find()
    with _engine(office):
        from flows.recheck import recheck as flow

        found: dict[str, Any] = flow(office.root)
    if as_json:
        return emit(found)
    looks = {key: found["looks"].get(key, 0) for key in ("agrees", "disagrees", "seasonal", "unclear")}
    click.echo(
        tr(
            "{suspected} suspected cases, looks by further scenes: agree {agrees}, withdrawn {disagrees}, withdrawn as"
            " seasonal {seasonal}, cannot tell {unclear}",
            suspected=found["suspected"],
            **looks,
        )
    )
    told = {key: found["verdicts"].get(key, 0) for key in ("restored", "not_restored", "cannot_tell")}
    click.echo(
        tr(
            "{looked} parts looked at: restored {restored}, not restored {not_restored}, cannot tell {cannot_tell};"
            " start intervals {dated}, look-alikes {lookalikes}",
            looked=found["looked"],
            dated=found["dated"],
            lookalikes=found["lookalikes"],
            **told,
        )
    )
    for line in found["refused"]:
        say(line["error"])


def check(
    office: settings.Workspace,
    before: str | None,
    after: str | None,
    method: str | None,
    model: str | None = None,
) -> None:
    """Say what is wrong with the question before anything is started. Raises: InputError."""
    from pipeline import detect as methods

    if before and not after:
        raise MissingOption("--before {id}: say with --after which scene to compare with it.", id=before)
    for scene_id in (before, after):
        if scene_id:
            office.catalog.scene(scene_id)
    methods.choose(("blue", "green", "red"), name=method, own=methods.brought(model) if model else None)


def _method(pair: dict[str, Any]) -> str:
    reason = pair["method_reason"]
    return f"{pair['method']} ({reason[language()]})" if reason else str(pair["method"])


def report(found: dict[str, Any]) -> None:
    """What an inspection found, in lines."""
    for pair in found["pairs"]:
        click.echo(
            f"{_day(pair['before_at'])} → {_day(pair['after_at'])}  {pair['platform']}  {_method(pair)}"
            + tr("  {count} flags", count=len(pair["flags"]))
            + (tr("  (inspected before)") if pair["already"] else "")
        )
    for line in found["funnel"]:
        click.echo(f"  {tr(line['reason']):<24} {line['count']:>8,}  {line['area_m2'] / 10_000:>12,.2f} ha")
    click.echo(
        tr(
            "new cases {new}, seen again {again}, of them relapsed {relapsed}",
            new=len(found["cases_new"]),
            again=len(found["cases_seen_again"]),
            relapsed=len(found["cases_relapsed"]),
        )
    )
    if found["visits"]:
        click.echo(
            tr(
                "{suspected} suspected cases, {week} checks a week; which ones first: gengxun case list --budget",
                **found["visits"],
            )
        )
    for note in found["notes"]:
        say(note[language()])


@click.command(cls=Command, help=tr("Write the pages to site/ of the workspace; they open without a server."))
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH",
              help=tr("Another folder; with --case the HTML file."))  # fmt: skip
@click.option("--case", "number", metavar="NUMBER", help=tr("Only this case, as one HTML file to hand over."))
@JSON
def publish(out: Path | None, number: str | None, as_json: bool) -> None:
    office = settings.find()
    if number is not None:
        return _hand_over(office, number, out, as_json)
    with _engine(office):
        from flows.publish import publish as flow

        found = flow(office.root, out=out)
    if as_json:
        return emit(found)
    click.echo(tr("{pages} pages: {path}", pages=found["pages"], path=found["index"]))


def _hand_over(office: settings.Workspace, number: str, out: Path | None, as_json: bool) -> None:
    if out is None:
        raise InputError("--case {number}: say with --out FILE.html where the page is written.", number=number)
    from flows.publish import hand_over

    found = hand_over(office, number, out.absolute())
    if as_json:
        return emit(found)
    click.echo(tr("{path}: {kb} kB, opens without network", path=found["path"], kb=-(-found["size_bytes"] // 1000)))


@click.command(cls=Command, help=tr("Run ingest, inspect and publish on the schedules of gengxun.toml until stopped."))
def schedule() -> None:
    from flows import deploy

    office = settings.find()
    for name, cron in deploy.plans(office).items():
        say(f"{name}: {cron} ({deploy.TIMEZONE})")
    with deploy.server(office) as url:
        say(tr("flow engine: {url}; stop with Ctrl-C", url=url))
        deploy.schedule(office)


@click.command(
    cls=Command, help=tr("The whole way on a computed township whose truth is known; prints where the pages are.")
)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, metavar="DIR"
)
@click.option("--serve", "serves", is_flag=True, help=tr("Then open the portal on it, with an account of each role."))
@click.option("--fresh", is_flag=True, help=tr("With --serve: build it anew where it stands already."))
@JSON
def demo(folder: Path, serves: bool, fresh: bool, as_json: bool) -> None:
    from flows.demo import earlier, run

    stands = earlier(folder) if serves and not fresh else None
    found = stands or run(folder)
    if as_json:
        emit(found)
    elif stands:
        say(tr("{path}: the demo stands already and is opened as it is; --fresh builds it anew", path=folder))
    else:
        for line in found["lines"]:
            click.echo(line)
    if serves:
        _open_portal(settings.open_workspace(folder.resolve()))


def _open_portal(office: settings.Workspace) -> None:
    """The people of the demo's story, who share one pass phrase made for this demo; then the portal, until stopped."""
    from flows import demo_story, serve
    from maps.portal import people

    store, password = serve.store_of(office), people.new_password()
    for person in demo_story.PEOPLE:
        if people.account_or_none(store, person.name):
            people.reset(store, person.name, at=datetime.now(UTC), password=password)
        else:
            people.add(store, person.name, person.role, at=datetime.now(UTC), password=password)
    store.close()
    portal = office.settings.portal
    serve.check_port(portal.host, portal.port)
    say(tr("open in a browser: {path}", path=f"http://{portal.host}:{portal.port}/"))
    for person in demo_story.PEOPLE:
        say(f"  {person.name}  {role_name(person.role)[language()]}")
    say(tr("pass phrase of all of them: {password}", password=password))
    serve.serve(office, portal.host, portal.port, portal.workers)


def _day(at: str) -> date:
    return day_of(datetime.fromisoformat(at))


def _engine(office: settings.Workspace) -> Any:
    from flows.engine import engine

    return engine(office)
