"""Windows scored here, in processes and on a cluster give one answer, also when something is lost on the way."""

from __future__ import annotations

import copy
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields as fields_of
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.errors import InputError, UnreadableFile, WorkError
from geodata.rasterfile import FilePixels, GridWriter, open_pixels
from pipeline import changes, detect
from pipeline.detect import spread
from pipeline.detect.files import detect_files
from pipeline.detect.packed import pack, unpack
from pipeline.detect.run import Scored, scored
from pipeline.detect.workers import Workers
from tests.pipeline.land import BANDS, fields, noise

SHAPE = (1300, 150)
SEAMS = (512, 1024)
"""Rows where one window ends and the next begins: the files' blocks are 512 rows high."""


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged here is heard, also where a library switched off the loggers that it found."""
    monkeypatch.setattr(logging.getLogger("gengxun.detect"), "disabled", False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two dates of SHAPE, in tiles; yards were built across both seams, and one that touches the first from above."""
    land = fields(SHAPE)
    later = 1.2 * land + 100
    for rows in (slice(495, 530), slice(1000, 1030), slice(480, 512)):
        later[:, rows, 40:70] += 900
    later[:, 480:512, 100:130] += 900
    grid = GeoBox(SHAPE, Affine(10, 0, 380_000, 0, -10, 3_090_000), "EPSG:4547")
    folder = tmp_path_factory.mktemp("pair")
    for name, values, seed in (("before.tif", land, 1), ("after.tif", later, 2)):
        with GridWriter(folder / name, grid, "uint16", 4, descriptions=BANDS) as out:
            out.write((slice(0, SHAPE[0]), slice(0, SHAPE[1])), (values + noise(land.shape, seed)).astype(np.uint16))
    return folder / "before.tif", folder / "after.tif"


@pytest.fixture
def pair(files: tuple[Path, Path]) -> Iterator[tuple[FilePixels, FilePixels]]:
    with open_pixels(files[0]) as before, open_pixels(files[1]) as after:
        yield before, after


@pytest.fixture(scope="module")
def model(files: tuple[Path, Path]) -> detect.Model:
    with open_pixels(files[0]) as before, open_pixels(files[1]) as after:
        return detect.fit(before, after, method="multispectral")


def same(one: list[Scored], other: list[Scored]) -> bool:
    """To the bit, in all that is told of every pixel."""
    return all(
        np.array_equal(
            np.concatenate([getattr(s, name) for s in one]),
            np.concatenate([getattr(s, name) for s in other]),
            equal_nan=name == "score",
        )
        for name in ("score", "change", "quality")
    )


def told(traced: changes.Traced) -> list[object]:
    """All that is said of the patches and of the pair."""
    parts = [getattr(c, f.name) for c in traced.changes for f in fields_of(c)]
    return [*parts, traced.too_small, traced.statistics, dict(traced.tally)]


@pytest.mark.parametrize("method", ["multispectral", "irmad", "highres", "logratio"])
def test_a_window_alone_is_scored_as_within_the_whole(pair, method: str) -> None:
    before, after = pair
    model = detect.fit(before, after, method=method)
    windows = spread.windows(before, after, model, 3)
    assert [rows[0] for rows in windows] == [0, *SEAMS]
    whole = list(scored(before, after, model))
    parts = [strip for rows in windows for strip in scored(before, after, model, window=rows)]
    assert [s.roi for s in parts] == [s.roi for s in whole]
    assert same(parts, whole)


def test_what_travels_is_enough_for_patches_spectra_and_statistics(pair) -> None:
    before, after = pair
    model = detect.fit(before, after, method="irmad")
    ids = {"before_id": "a", "after_id": "b"}
    whole = changes.trace(scored(before, after, model), model, before.geobox, **ids)
    assert len(whole.changes) == 3
    for all_scores in (True, False):
        sent = (unpack(pack(s, SHAPE, whole=all_scores)) for s in scored(before, after, model))
        assert told(changes.trace(sent, model, before.geobox, **ids)) == told(whole)


def kill_the_first() -> None:
    """As soon as it is there: it has its work, and has not given it back."""
    while not (workers := multiprocessing.active_children()):
        os.sched_yield()
    os.kill(workers[0].pid, signal.SIGKILL)


def test_two_processes_give_the_same_and_one_that_is_killed_is_replaced(pair, model, caplog) -> None:
    before, after = pair
    here = list(scored(before, after, model))
    killer = threading.Thread(target=kill_the_first, daemon=True)
    killer.start()
    there = list(spread.strips(before, after, model, Workers(2)))
    killer.join()
    assert same(there, here)
    assert "a worker failed" in caplog.text


def test_a_window_that_cannot_be_read_is_read_again(files, pair, model, tmp_path: Path) -> None:
    link = tmp_path / "share.tif"
    link.symlink_to(files[1])
    with open_pixels(link) as opened:
        here = list(scored(pair[0], opened, model))
        gone = copy.copy(opened)  # opens the file for itself, when it is not there
    link.unlink()

    heard: list[str] = []

    class PutsBack(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())
            if not link.exists():
                link.symlink_to(files[1])

    back = PutsBack()
    logging.getLogger("gengxun.detect").addHandler(back)
    try:
        assert same(list(scored(pair[0], gone, model)), here)
    finally:
        logging.getLogger("gengxun.detect").removeHandler(back)
        gone.close()
    assert ["share.tif" in said and "rows 0 to 511" in said for said in heard] == [True]


def test_a_window_that_stays_unreadable_is_named(files, pair, model, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(files[1].read_bytes()[: files[1].stat().st_size * 2 // 3])
    with open_pixels(broken) as after, pytest.raises(UnreadableFile, match=r"broken\.tif.*512.*1023.*3"):
        list(scored(pair[0], after, model))


def test_other_versions_on_a_worker_are_refused(pair, model) -> None:
    asked = spread.computing(model) | {"numpy": "1.0"}
    with pytest.raises(WorkError, match=r"numpy .* ≠ 1\.0"):
        spread.score_window(asked, *pair, model, True, (0, 512))


@pytest.mark.parametrize(
    ("asked", "named"),
    [((-1, ""), "-1"), ((2, "tcp://a:1"), "tcp://a:1"), ((0, "nowhere"), "nowhere")],
)
def test_workers_that_cannot_be_are_refused(pair, model, asked: tuple[int, str], named: str) -> None:
    with pytest.raises(InputError, match=named):
        next(spread.strips(*pair, model, Workers(*asked)))


# --- a cluster: scheduler and two workers, each a process of its own


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    options = ["--no-dashboard", "--host", "127.0.0.1"]
    started = [dask("scheduler", "--port", str(port), *options)]
    try:
        started += [dask("worker", address, "--nthreads", "1", "--no-nanny", *options) for _ in range(2)]
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def dask(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "dask", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_cluster_gives_the_same_files_with_a_worker_killed_in_the_middle(files, cluster, tmp_path: Path) -> None:
    address, workers = cluster
    both_there(address)
    after_the_fit = []

    def watch(share: float) -> None:
        if share > 0.2 and not after_the_fit:
            workers[0].kill()
            after_the_fit.append(share)

    here = detect_files(str(files[0]), str(files[1]), str(tmp_path / "here"))
    there = detect_files(str(files[0]), str(files[1]), str(tmp_path / "there"), dask=address, progress=watch)
    assert 0.2 < after_the_fit[0] < 0.95  # one window was back, the others were under way
    assert there == here | {"out": str(tmp_path / "there")}
    assert there["changes"] == 3
    for name in ("score.tif", "change.tif"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def both_there(address: str) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
