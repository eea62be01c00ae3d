"""The published site: whole or not at all, every link inside it, both languages, nothing outside."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import shapely

from geodata.errors import InputError
from maps import features, publish
from maps.chips import frame
from tests.maps import invented as made

NUMBER = "430321-2026-00187"


def publish_to(site: Path, **other) -> publish.Published:
    case = made.case()
    box = shapely.box(made.LON - 0.1, made.LAT - 0.1, made.LON + 0.1, made.LAT + 0.1)
    inspection = made.inspection()
    events = [dataclasses.replace(e, payload={**e.payload, "inspection": inspection.id}) for e in made.events()]
    told = {
        "scope": {"zh": "丙潭县", "en": "Bingtan"},
        "cases": [case],
        "events_by_case": {case.number: events},
        "inspections": [inspection],
        "districts": [
            features.district("430321", "丙潭县", box),
            features.district("430321107", "花石镇", box.buffer(-0.03)),
        ],
        "verified": made.verified(),
        "chips": lambda _: {
            id_: publish.Picture(rgb[::4, ::4], frame(made.PATCH)) for id_, rgb in made.pictures().items()
        },
        "context": lambda _: publish.Surroundings(made.SCENES, made.CONTEXT, {"s2": 71.0}),
        "software_version": "0.1.0",
        "inspected_at": {inspection.id: made.at("2026-09-24")},
        "scenes": {scene.id: scene for scene in made.SCENES},
    } | other
    return publish.publish(site, **told)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("published") / "site"
    publish_to(root)
    return root


def test_every_link_and_picture_of_every_page_is_in_the_site(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {str(p.relative_to(site)) for p in pages} >= {
        "index.html",
        f"case/{NUMBER}.html",
        f"en/case/{NUMBER}.html",
        "en/runs/index.html",
        "stats.html",
        "en/stats.html",
    }
    for page in pages:
        for target in re.findall(r"""(?:href|src)=["']([^"'#]+)""", page.read_text("utf-8")):
            if not target.startswith(("data:", "${")):
                assert (page.parent / unquote(target)).exists(), f"{page.relative_to(site)} → {target}"


def test_every_page_opens_from_the_folder_without_a_request_outside(site: Path, open_page) -> None:
    for page in sorted(site.rglob("*.html")):
        opened = open_page(page, site=site)
        opened.page.wait_for_load_state()
        assert opened.problems == [], page


def test_one_walks_from_the_overview_to_the_case_and_back_in_english(site: Path, open_page) -> None:
    opened = open_page(site / "index.html", site=site)
    page = opened.page
    page.locator(".gx-row").first.click()
    assert page.locator(".gx-row img").first.evaluate("e => e.naturalWidth") > 0
    page.locator(".gx-row-open").first.click()
    page.wait_for_url(f"**/case/{NUMBER}.html")
    page.locator(".gx-lang").click()
    page.wait_for_url(f"**/en/case/{NUMBER}.html")
    page.locator(".gx-nav a").first.click()
    page.wait_for_url("**/en/index.html*")
    assert page.locator(".gx-nav a").first.inner_text() == "Overview"
    page.locator(".gx-nav a").nth(2).click()
    page.locator(".gx-table a").first.click()
    page.wait_for_url("**/en/runs/*.html")
    assert opened.problems == []


def test_the_language_switch_keeps_filters_and_selection(site: Path, open_page) -> None:
    opened = open_page(site / "index.html", site=site, hash_="#s=FOUND")
    opened.page.locator(".gx-lang").click()
    opened.page.wait_for_url("**/en/index.html#s=FOUND")


def test_the_run_report_lies_beside_its_json(site: Path) -> None:
    (report,) = (p for p in (site / "runs").glob("*.json"))
    assert json.loads(report.read_text("utf-8"))["id"] == made.inspection().id
    assert report.with_suffix(".html").exists()


def test_site_json_tells_what_was_published(site: Path) -> None:
    told = json.loads((site / publish.MARKER).read_text("utf-8"))
    assert (told["cases"], told["runs"], told["software_version"]) == (1, 1, "0.1.0")
    assert told["head"] == made.verified().head


def test_the_old_site_stays_whole_when_the_new_one_fails(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish_to(site)
    before = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}

    def breaks(_):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        publish_to(site, context=breaks)
    assert {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_publishing_again_leaves_nothing_of_the_old_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish_to(site)
    publish_to(site, cases=[], events_by_case={}, inspections=[])
    assert not (site / "case").exists()
    assert "还没有图斑" in (site / "index.html").read_text("utf-8")


def test_the_same_ledger_gives_the_same_site(tmp_path: Path) -> None:
    publish_to(tmp_path / "one")
    publish_to(tmp_path / "two")
    one, two = (
        {p.relative_to(r): p.read_bytes() for p in r.rglob("*") if p.is_file()}
        for r in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_a_folder_that_is_no_site_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="not a site that GengXun published"):
        publish_to(tmp_path / "letters")
    assert (tmp_path / "letters" / "mine.txt").read_text() == "keep"


def test_a_number_that_is_no_number_becomes_no_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot become a page"):
        publish_to(tmp_path / "site", cases=[dataclasses.replace(made.case(), number="../../etc")])
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_page(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    publish_to(tmp_path / "site", progress=lambda done, pages: told.append((done, pages)))
    assert told == [(1, 3), (2, 3), (3, 3)]
