"""The page in a browser: one Chromium for all, at three widths, dark and light, with clicks and keys."""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.record.file import write_record
from hpsearch.report import analysis, html_page, page_data, watch, write
from hpsearch.report.section import Section
from tests.made_records import entry, seeds, sweep

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HIGH = [0.90, 0.91, 0.92]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def search(path: Path) -> Path:
    """A search of 14 configurations; the last two were pruned, and one name is HTML."""
    note = "<img src=x onerror=document.title='owned'>"
    entries = [
        one
        for i in range(12)
        for one in seeds(
            [v - i / 100 for v in HIGH], lr=0.1 + i / 10, optimizer={"name": "sgd", "note": note * (i % 2)}
        )
    ]
    pruned = [
        entry(None, val=0.4 + i / 10, status="pruned", lr=2.0 + i, optimizer={"name": "sgd", "note": note})
        for i in range(2)
    ]
    return sweep(path, [*entries, *pruned])


def written(folder: Path) -> Path:
    found = analysis.read([search(folder / "s")])
    (folder / "s" / "report" / "mine").mkdir(parents=True)
    (folder / "s" / "report" / "mine" / "<b>.png").write_bytes(PIXEL)
    kinds = [
        {"kind": "lines", "xlabel": "k", "ylabel": "best", "series": [{"name": "a", "x": [1, 2], "y": [0.1, 0.2]}]},
        {"kind": "intervals", "xlabel": "points", "rows": [{"label": "adam", "value": 0.2, "low": -1.0, "high": 1.4}]},
        {
            "kind": "heat",
            "xlabel": "p",
            "ylabel": "t",
            "rows": ["a"],
            "columns": ["a"],
            "values": [[1]],
            "texts": [[3]],
        },
        {"kind": "dots", "xlabel": "t", "ylabel": "p", "x": [1, 2, 3], "y": [1, 2, 4], "marked": [2]},
    ]
    sections = [Section(f"Of kind {one['kind']}", chart=one, group="more") for one in kinds]
    write.write(found, folder / "s" / "report", sections)
    return folder / "s" / "report" / "index.html"


def test_pruned_configurations_have_their_last_value_a_place_and_a_curve(tmp_path: Path) -> None:
    found = analysis.read([search(tmp_path / "s")])
    data = page_data.page_data(found)
    assert [(one["pruned"], one["validation"], one["order"]) for one in data["configurations"][-2:]] == [
        (True, 0.5, 13),
        (True, 0.4, 12),
    ]
    assert data["curves"]["validation"][data["runs"]["configuration"].index(12)] == [0.25, 0.4, 0.5]
    assert list(found.display.cells.validation[-2:]) == ["50.00 (pruned)", "40.00 (pruned)"]


def test_a_thousand_runs_with_long_curves_stay_small(tmp_path: Path) -> None:
    record = entry(0.9)
    for name in record["history"]:
        record["history"][name] = [i / 7000 for i in range(5000)] + record["history"][name][-1:]
    found = analysis.read([sweep(tmp_path / "s", [record | {"config": record["config"] | {"seed": 0}}])])
    found.runs.records[:] = [found.runs.records[0]] * 1000
    curves = page_data.page_data(found)["curves"]
    assert len(curves["training loss"]) == 1000
    assert {len(line) for line in curves["training loss"]} == {len(curves["epochs"]) + (curves["epochs"][-1] < 5001)}
    assert 1000 * 2 * len(curves["epochs"]) <= 1.02 * page_data.MOST_NUMBERS
    assert curves["training loss"][0][-1] == record["history"]["train_loss"][-1]


def test_pictures_of_ones_own_are_held_by_the_page(tmp_path: Path) -> None:
    page = written(tmp_path).read_text()
    assert "<figcaption>&lt;b&gt;.png</figcaption>" in page
    (tmp_path / "link").symlink_to(tmp_path / "s" / "report" / "mine")
    assert html_page.pictures_of(tmp_path / "link") == []


def test_a_page_of_a_running_sweep_is_made_again_when_a_record_has_come(tmp_path: Path) -> None:
    page, said = watch.LivePage([tmp_path / "s"]), []

    def answer(path: str, method: str = "GET") -> bytes:
        return b"".join(
            page({"PATH_INFO": path, "REQUEST_METHOD": method}, lambda status, headers: said.append(status))
        )

    assert b"no such folder" in answer("/")
    sweep(tmp_path / "s", seeds(HIGH, lr=0.1))
    first = answer("/version")
    assert b"connect-src &#39;self&#39;" in answer("/")
    assert b'"version":"' + first in answer("/")
    write_record(next((tmp_path / "s").glob("000_*")), entry(0.95, lr=0.1))
    assert answer("/version") != first
    assert b'"version":"' + answer("/version") in answer("/")
    assert said[-1] == "200 OK"
    answer("/", "POST")
    answer("/record.json")
    assert said[-2:] == ["404 Not Found"] * 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no chromium")
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.slow
def test_the_page_answers_when_touched_and_asks_for_nothing(browser: Any, tmp_path: Path) -> None:
    address, asked, faults = f"file://{written(tmp_path)}", [], []
    for width in (380, 900, 1400):
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: faults.append(message.text))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(address)
            page.wait_for_selector("html[data-ready]", state="attached")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".headline b").first.bounding_box()["y"] < 300
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
            assert page.locator("svg.chart path.cross").count() > 2
            page.close()
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert faults == []


@pytest.mark.slow
def test_the_page_prints_and_has_its_tables_without_scripts(browser: Any, tmp_path: Path) -> None:
    address = f"file://{written(tmp_path)}"
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    widths = "[...document.querySelectorAll('svg.chart')].map((one) => Number(one.getAttribute('width')))"
    before = page.evaluate(widths)
    page.evaluate("window.seen = []")
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.seen = {widths}; }})")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert 500 < max(page.evaluate("window.seen")) <= 680 < max(before)
    assert page.evaluate(widths) == before
    page.close()
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    assert plain.locator("#results tbody tr:visible").count() == 14
    assert "runs.csv has every run" in plain.locator("noscript p").inner_text()
    assert not plain.locator("#runs").is_visible()
    plain.close()


@pytest.mark.slow
def test_a_click_or_a_key_chooses_a_configuration_everywhere(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    page.goto(f"file://{written(tmp_path)}")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.title() == "s · hpsearch"  # the name that is HTML has done nothing
    assert page.locator("#results tbody tr:visible").count() == 10
    page.locator("#results tbody tr").nth(2).click()
    assert page.locator("#chosen b").inner_text().startswith("#3 ")
    chosen = page.evaluate("[...document.querySelectorAll('.on')].map((one) => one.dataset.c)")
    assert set(chosen) == {"2"}
    assert len(chosen) > 6
    assert page.locator("svg.chart .on .seed").first.is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".on").count() == 0
    page.locator("svg.chart").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#chosen b").inner_text().startswith("#2 ")
    page.keyboard.press("Escape")
    page.locator("svg.chart g[data-c='0'] circle[data-r]").first.hover()
    assert re.search(r"python -m hpsearch lr=0.1 seed=\d$", page.locator("#tip").inner_text())
    page.locator("#filter").fill("pruned")
    assert page.locator("#runs tbody tr").count() == 2
    page.locator("#filter").fill("")
    page.locator("#runs th button", has_text="test").click()
    page.locator("#runs th button", has_text="test").click()
    assert page.locator("#runs tbody tr td:nth-child(5)").first.inner_text() == "92.00"
    page.locator("button.unfold").first.click()
    assert page.locator("#results tbody tr:visible").count() == 14
    with page.expect_download() as saved:
        page.locator("[data-csv=results]").click()
    rows = list(csv.reader(Path(saved.value.path()).read_text().splitlines()))
    assert (len(rows), rows[0][1]) == (15, "test accuracy")
    with page.expect_download() as saved:
        page.get_by_text("Save as PNG").first.click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    assert page.locator("table").count() == page.locator("table > caption").count()
    page.close()
