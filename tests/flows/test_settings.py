from __future__ import annotations

from pathlib import Path

import pytest

from flows import settings
from geodata.errors import InputError


def test_the_file_that_init_writes_holds_the_defaults(tmp_path: Path) -> None:
    made, new = settings.init(tmp_path / "ws", name='湘潭市 "测试"')
    assert new
    assert made.settings.bureau.name == '湘潭市 "测试"'
    assert (made.settings.inspect, made.settings.schedule) == (settings.Inspect(), settings.Schedule())


def test_init_leaves_a_workspace_unchanged_and_refuses_other_folders(tmp_path: Path) -> None:
    settings.init(tmp_path / "ws", name="甲")
    before = (tmp_path / "ws" / "gengxun.toml").read_bytes()
    _, new = settings.init(tmp_path / "ws", name="乙")
    assert not new
    assert (tmp_path / "ws" / "gengxun.toml").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("x")
    with pytest.raises(InputError, match="other"):
        settings.init(tmp_path / "other")
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["letter.txt"]


def test_a_workspace_is_found_from_below(tmp_path: Path) -> None:
    made, _ = settings.init(tmp_path / "ws")
    (made.root / "inbox" / "satellite" / "deep").mkdir()
    assert settings.find(made.root / "inbox" / "satellite" / "deep").root == made.root
    with pytest.raises(InputError, match="gengxun init"):
        settings.find(tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[inspect]\nmin_area = 50", "min_area"),
        ("[inspect]\nmax_shift_px = 'far'", "max_shift_px"),
        ("[prefect]\nport = true", "port"),
        ("[nowhere]\na = 1", "nowhere"),
        ("[inspect\n", "line 1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "gengxun.toml").write_text(text)
    with pytest.raises(InputError, match=named):
        settings.open_workspace(tmp_path)


def test_a_whole_number_serves_where_a_fraction_may_stand(tmp_path: Path) -> None:
    (tmp_path / "gengxun.toml").write_text("[inspect]\nmin_area_m2 = 400")
    assert settings.open_workspace(tmp_path).settings.inspect.min_area_m2 == 400.0
