"""``gengxun publish --case``: one case as one HTML file."""

from __future__ import annotations

import re

from tests.flows.an_office import FIRST


def test_one_case_as_one_file_that_asks_for_nothing(run, office, tmp_path) -> None:
    out = tmp_path / "handed" / "case.html"
    out.parent.mkdir()
    told = run("publish", "--case", FIRST, "--out", out, "--json")
    assert told.code == 0, told.err
    assert told.json["size_bytes"] == out.stat().st_size
    page = out.read_text(encoding="utf-8")
    assert FIRST in page
    marked_up = re.sub(r"<script\b.*?</script>", "", page, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', marked_up), "all that it shows lies in it"
    assert "<script src" not in page
    assert [path.name for path in out.parent.iterdir()] == ["case.html"]
    plain = run("publish", "--case", FIRST, "--out", out)
    assert (plain.code, "opens without network" in plain.out) == (0, True)
    chinese = run("publish", "--case", FIRST, "--out", out, lang="zh")
    assert (chinese.code, "opens without" in chinese.out) == (0, False)


def test_what_cannot_be_handed_over_is_one_sentence(run, office, tmp_path) -> None:
    for arguments in (("--case", FIRST), ("--case", "430321-2026-99999", "--out", tmp_path / "x.html"),
                      ("--case", FIRST, "--out", tmp_path / "none" / "x.html")):  # fmt: skip
        refused = run("publish", *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert len(refused.err.strip().splitlines()) == 1
    assert not (tmp_path / "x.html").exists()
