"""The page in a real browser: drawn, legible, and alone in the world."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from search.record.record import open_record
from search.reports.page.render import write_report
from search.tasks.config import StudyConfig
from tests.browser import Opened, chromium, opened
from tests.conftest import ROOT, needs
from tests.search.reports.page.simulated import simulated
from tests.search.studies import epoch, segment, session, suggestion

pytestmark = needs("chromium")

# Of WCAG 2.1: text, and what of a picture is needed to understand it.
TEXT, MARK = 4.5, 3.0
PICTURE, MOST_BYTES = ROOT / "search" / "report.png", 300_000
TEXTS = """() => {
    const seen = (colour) => !/^rgba.*, 0\\)$/.test(colour);
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (seen(colour)) return colour;
        }
    };
    const of = (selector, property) => [...document.querySelectorAll(selector)]
        .filter(e => e.textContent.trim() && getComputedStyle(e).fillOpacity !== "0")
        .map(e => [e.textContent.slice(0, 30), getComputedStyle(e)[property], ground(e)]);
    return [...of("h1, h2, p, pre, th, td, summary, footer", "color"), ...of("svg text", "fill")];
}"""
MARKS = """["accent", "solid", "failed", "rung2", "rung3", "rung4"].map(name =>
    [name, getComputedStyle(document.documentElement).getPropertyValue("--" + name),
     getComputedStyle(document.body).backgroundColor])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    record = open_record(folder / "studies", create=True)
    simulated(record, "curve", trials=60)
    with contextlib.chdir(folder):
        return write_report(record, "curve", folder / "curve.html")


@pytest.fixture(scope="module")
def desktop(browser: Browser, made: Path) -> Iterator[Opened]:
    """One page for all tests of it: to open and draw it takes a second or two."""
    with opened(browser, made) as found:
        yield found
        assert found.complaints == []
        assert found.requests == [made.resolve().as_uri()]


def test_it_draws_every_chart(desktop: Opened) -> None:
    drawn = desktop.page.evaluate(
        """[...document.querySelectorAll(".figure")].map(
            f => [f.id, f.querySelectorAll(
                ".trace path, .point path, .points path, canvas, .fills path").length,
                f.getBoundingClientRect().height])"""
    )

    assert len(drawn) >= 12
    assert all(marks > 0 and height > 100 for _, marks, height in drawn), drawn


def test_a_reader_can_keep_the_trials_that_lie_in_a_part_of_an_axis(desktop: Opened) -> None:
    page = desktop.page
    page.locator("#coordinates-0").scroll_into_view_if_needed()
    box = page.locator("#coordinates-0 .axis-brush").first.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2

    page.mouse.move(middle, box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 0.6 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function("document.getElementById('coordinates-selected').textContent")

    kept = page.evaluate(
        """() => {
            const trace = document.getElementById("coordinates-0").data[0];
            const [axis] = trace.dimensions.filter(d => d.constraintrange);
            const [low, high] = axis.constraintrange;
            return trace.customdata.filter((_, i) =>
                axis.values[i] >= low && axis.values[i] <= high);
        }"""
    )
    assert 0 < len(kept) < 60
    said = page.inner_text("#coordinates-selected")
    assert re.fullmatch(rf"{len(kept)} of \d+ trials: {kept[0]}, .*", said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out_from_the_ground(desktop: Opened, scheme: Any) -> None:
    page = desktop.page
    page.emulate_media(color_scheme=scheme)
    soft = "getComputedStyle(document.querySelector('footer')).color"
    page.wait_for_function(
        f"getComputedStyle(document.querySelector('#cost-0 .xtick text')).fill === {soft}"
    )

    texts, marks = page.evaluate(TEXTS), page.evaluate(MARKS)

    assert len(texts) > 100
    assert [text for text in texts if contrast(*text[1:]) < TEXT] == []
    assert [mark for mark in marks if contrast(*mark[1:]) < MARK] == []
    assert (luminance(marks[0][2]) < 0.1) == (scheme == "dark")


def test_a_phone_scrolls_down_only(browser: Browser, made: Path) -> None:
    with opened(browser, made, width=360) as found:
        for summary in found.page.query_selector_all("summary"):
            summary.click()
        wide = found.page.evaluate(
            """[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") &&
                e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))
            """
        )
        scroll = found.page.evaluate("document.documentElement.scrollWidth")

    assert wide == []
    assert scroll == 360
    assert found.complaints == []


def test_what_a_user_has_named_is_drawn_as_text(browser: Browser, tmp_path: Path) -> None:
    record = open_record(tmp_path, create=True)
    hostile = "<img src=x onerror=alert(1)><a href='http://127.0.0.1:9'>$x$</a>"
    origin = {"baselines": {hostile: 0.5}, "objective": {"metric": hostile, "mode": "max"}}
    config = StudyConfig(name="named", task="not_here:TASK", dataset="d", max_epochs=1)
    study = record.create(config, origin)
    record.append(study, session("started", 20))
    for n in range(20):
        drawn = {hostile: n / 20, "kind": [hostile, "plain"][n % 2]}
        ended = dataclasses.replace(epoch(n, 1, 0.0), metrics={hostile: n % 7 / 7})
        record.append(study, suggestion(n, hostile, **drawn), segment(n, 1, 1), ended)

    path = write_report(record, "named", tmp_path / "page.html")
    with opened(browser, path) as found:
        shown = found.page.text_content("#importance-0 .yaxislayer-above")
        links = found.page.evaluate("document.querySelectorAll('a, img[src=x]').length")

    assert shown is not None
    assert "<img src=x" in shown
    assert links == 0
    assert found.complaints == []
    assert found.requests == [path.resolve().as_uri()]


def test_the_picture_in_the_readme_is_one_of_this_page(browser: Browser, made: Path) -> None:
    """With SEARCH_NEW_PICTURES=1 it is taken anew."""
    with opened(browser, made, width=1000) as found:
        clip: Any = {"x": 0, "y": 0, "width": 1000, "height": 1240}
        taken = found.page.screenshot(clip=clip, full_page=True)

    assert taken.startswith(b"\x89PNG")
    assert len(taken) <= MOST_BYTES
    if os.environ.get("SEARCH_NEW_PICTURES"):
        PICTURE.write_bytes(taken)
    assert 0.5 < len(taken) / PICTURE.stat().st_size < 2
    assert f"]({PICTURE.name})" in (ROOT / "search" / "README.md").read_text(encoding="utf-8")


def contrast(one: str, other: str) -> float:
    """Of two CSS colours, 1 to 21 (WCAG 2.1, 1.4.3)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    numbers = [float(n) for n in re.findall(r"[\d.]+", colour)][:3]
    if colour.strip().startswith("#"):
        numbers = [int(colour.strip()[i : i + 2], 16) for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (n / 255 for n in numbers)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
