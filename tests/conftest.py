"""Before any test module imports rasterio, fiona or pyogrio: close what GDAL must not open."""

import atexit
import os
import shutil
import tempfile

import hypothesis

import geodata  # noqa: F401

os.environ.setdefault("GENGXUN_LANG", "en")
if "GENGXUN_KEYS" not in os.environ:  # no test leaves a key in the user's own folder
    os.environ["GENGXUN_KEYS"] = tempfile.mkdtemp(prefix="gengxun-test-keys-")
    atexit.register(shutil.rmtree, os.environ["GENGXUN_KEYS"], ignore_errors=True)

# Tests never assert on time: a loaded machine is no failure.
hypothesis.settings.register_profile("gengxun", deadline=None)
hypothesis.settings.load_profile("gengxun")
