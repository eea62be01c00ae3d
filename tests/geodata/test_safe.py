import json
import os
import select
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geodata import limits, nursery, safe
from geodata.catalog import Catalog
from geodata.errors import EmptyData, GengXunError, InputError, UnreadableFile, WorkError
from geodata.rasterfile import describe
from tests.geodata.images import ramp, write

needs_forks = pytest.mark.skipif(not nursery.FORKS, reason="this system starts each child anew")


def refused(path) -> str:
    """The one sentence with which an image is refused."""
    with pytest.raises(InputError) as caught:
        describe(path)
    sentence = str(caught.value)
    assert sentence.count("\n") == 0
    assert sentence.startswith(f"{path}:".replace("\0", " "))
    assert sentence.endswith(".")
    return sentence


def vrt(source: str, relative: int = 0) -> str:
    return f"""<VRTDataset rasterXSize="4" rasterYSize="1">
    <VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
    <SourceFilename relativetoVRT="{relative}">{source}</SourceFilename><ImageOffset>0</ImageOffset>
    <PixelOffset>1</PixelOffset><LineOffset>4</LineOffset></VRTRasterBand></VRTDataset>"""


def test_a_vrt_in_the_clothes_of_a_tiff_shows_no_other_files_bytes(tmp_path):
    (tmp_path / "secret").write_bytes(b"abcd")
    path = tmp_path / "scene.tif"
    path.write_text(vrt(str(tmp_path / "secret")))
    assert "not an image" in refused(path)
    with pytest.raises(rasterio.errors.RasterioIOError):
        rasterio.open(path)  # the driver itself is closed, not only our door


def test_a_vrt_that_names_an_address_calls_nobody(tmp_path):
    asked = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/image.tif"
        path = tmp_path / "scene.tif"
        path.write_text(vrt(f"/vsicurl/{address}"))
        refused(path)
        refused(f"/vsicurl/{address}")
        refused(address)
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize(
    "name",
    [
        "/vsicurl/http://127.0.0.1:9/a.tif",
        "/vsizip/a.zip/a.tif",
        '{"type": "FeatureCollection", "features": []}',
        "<VRTDataset rasterXSize='1' rasterYSize='1'/>",
        "GTIFF_DIR:1:a.tif",
        "no such file.tif",
        "a\0b.tif",
    ],
)
def test_what_is_not_on_this_disk_is_no_file(name):
    assert "no such file" in refused(name)


def test_a_sparse_image_that_claims_a_trillion_pixels(tmp_path):
    path = tmp_path / "sparse.tif"
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 8192, "blockysize": 8192}
    with rasterio.open(path, "w", width=1_000_000, height=1_000_000, sparse_ok=True, bigtiff="yes", **options):
        pass
    assert path.stat().st_size < 1_000_000
    assert "1000000 × 1000000" in refused(path)


def test_one_block_as_large_as_the_image(tmp_path):
    path = tmp_path / "block.tif"
    options = {"driver": "GTiff", "count": 1, "dtype": "float32", "compress": "deflate"}
    with rasterio.open(path, "w", width=20_000, height=20_000, sparse_ok=True, blockysize=20_000, **options):
        pass
    assert "block" in refused(path)


def test_complex_pixels_and_empty_files_and_folders(tmp_path):
    write(tmp_path / "complex.tif", np.zeros((1, 4, 4), np.complex64))
    assert "complex64" in refused(tmp_path / "complex.tif")
    (tmp_path / "empty.tif").touch()
    with pytest.raises(EmptyData, match="empty"):
        describe(tmp_path / "empty.tif")
    assert "folder" in refused(tmp_path)


def test_an_image_that_may_not_be_read(tmp_path):
    path = write(tmp_path / "locked.tif", ramp())
    path.chmod(0)
    if _readable(path):
        pytest.skip("this user may read everything")
    assert "permission" in refused(path)


def _readable(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return False
    return True


def test_a_refused_image_leaves_the_catalogue_as_it_was(tmp_path):
    catalog = Catalog(tmp_path / "catalog")
    path = write(
        tmp_path / "cut_20240501.tif", np.random.default_rng(0).integers(1, 255, (3, 200, 200)).astype("uint8")
    )
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(UnreadableFile, match=r"cut_20240501\.tif"):
        catalog.add_scene(path, platform="gf-2", bands=["red", "green", "blue"])
    assert catalog.scenes() == []
    assert [file for file in (tmp_path / "catalog").rglob("*") if file.is_file()] == []


def test_our_errors_come_back_whole_and_others_name_the_function():
    with pytest.raises(UnreadableFile) as caught:
        safe.in_child("geodata.imagefile:describe_here", "gone.tif", about="gone.tif")
    assert caught.value.fields["path"] == "gone.tif"
    with pytest.raises(WorkError, match="math:sqrt"):
        safe.in_child("math:sqrt", -1.0, about="x")


def test_a_child_that_eats_memory_or_dies_is_told_in_a_sentence():
    tight = safe.Limits(memory_bytes=1024**3)
    with pytest.raises(GengXunError, match=r"greedy\.tif"):
        safe.in_child("builtins:bytearray", 2 * 1024**3, about="greedy.tif", limits=tight)
    with pytest.raises(UnreadableFile, match=r"dead\.tif"):
        safe.in_child("os:_exit", 3, about="dead.tif")
    with pytest.raises(UnreadableFile, match=r"slow\.tif"):
        safe.in_child("time:sleep", 60, about="slow.tif", limits=safe.Limits(wall_s=1))


def test_a_child_cannot_hand_back_code():
    with pytest.raises(UnreadableFile):
        safe.in_child("functools:partial", print, about="x.tif")


def test_values_arrays_and_progress_come_back():
    assert safe.in_child("builtins:dict", a=1, about="x") == {"a": 1}
    back = safe.in_child("numpy:arange", 5, about="x")
    assert back.tolist() == [0, 1, 2, 3, 4]


def test_an_interpreter_of_its_own_does_the_same_where_nothing_can_be_forked(monkeypatch):
    monkeypatch.setattr(nursery, "FORKS", False)
    assert safe.in_child("builtins:dict", a=1, about="x") == {"a": 1}
    with pytest.raises(UnreadableFile, match=r"dead\.tif"):
        safe.in_child("os:_exit", 3, about="dead.tif")


def test_every_child_begins_clean_and_sees_the_environment_of_now(monkeypatch):
    monkeypatch.setenv("GENGXUN_TEST", "1")
    safe.in_child("os:putenv", "GENGXUN_TEST", "2", about="x")
    assert safe.in_child("os:getenv", "GENGXUN_TEST", about="x") == "1"
    monkeypatch.delenv("GENGXUN_TEST")
    assert safe.in_child("os:getenv", "GENGXUN_TEST", about="x") is None
    assert len({safe.in_child("os:getpid", about="x") for _ in range(3)}) == 3
    assert len({safe.in_child("random:random", about="x") for _ in range(3)}) == 3


@needs_forks
def test_a_nursery_that_was_killed_is_replaced():
    first = safe.in_child("os:getppid", about="x")
    os.kill(first, signal.SIGKILL)
    assert safe.in_child("os:getppid", about="x") != first


@needs_forks
def test_children_end_with_the_process_that_waits_for_them(tmp_path):
    code = "from geodata import safe; safe.in_child('time:sleep', 600, about='x')"
    parent = subprocess.Popen([sys.executable, "-c", code])
    children: list[int] = []
    while not children and parent.poll() is None:
        children = [pid for nursery_ in below(parent.pid) for pid in below(nursery_)]
    handle = os.pidfd_open(children[0])
    parent.kill()
    parent.wait()
    assert select.select([handle], [], [], 60)[0], "the child outlives its parent"
    os.close(handle)


def below(pid: int) -> list[int]:
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_importing_the_three_readers_prints_nothing():
    code = "import geodata, rasterio, fiona, pyogrio\nwith rasterio.Env(), fiona.Env(): pass\npyogrio.list_drivers()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("", "")


DRIVERS = """
import json, sys, geodata
from geodata import limits, nursery, safe
safe.guard_gdal(sys.argv[1:])
import rasterio, fiona, pyogrio
with rasterio.Env() as env: raster = list(env.drivers())
with fiona.Env() as env: vector = list(env.drivers())
print(json.dumps([raster, vector, list(pyogrio.list_drivers())]))
"""


def test_no_reader_keeps_a_driver_that_is_not_used_here():
    done = subprocess.run([sys.executable, "-c", DRIVERS], capture_output=True, text=True, timeout=120, check=True)
    kept = set().union(*json.loads(done.stdout))
    assert kept <= safe.NEEDED, "a newer wheel brings a driver along: name it in safe.UNUSED, or better"
    assert kept >= safe.NEEDED - {"WEBP", "Memory"}  # not in every wheel


def test_a_driver_that_a_setting_allows_is_open_in_a_child_only(tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(b"abcd")
    (tmp_path / "scene.vrt").write_text(vrt(str(tmp_path / "secret")))
    assert "not an image" in refused(tmp_path / "scene.vrt")
    before = limits.current()
    try:
        limits.use(limits.FileLimits(drivers=["VRT"]))
        assert describe(tmp_path / "scene.vrt")["driver"] == "VRT"
        with pytest.raises(rasterio.errors.RasterioIOError):
            rasterio.open(tmp_path / "scene.vrt")  # not here
    finally:
        limits.use(before)
    assert "not an image" in refused(tmp_path / "scene.vrt")
