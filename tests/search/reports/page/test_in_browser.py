"""The page in a real browser: drawn, legible, and alone in the world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from search.record.record import open_record
from search.reports.page.render import write_report
from tests.browser import chromium, opened
from tests.conftest import needs
from tests.search.reports.page.simulated import simulated

pytestmark = needs("chromium")

# Of WCAG 2.1: text, and what of a picture is needed to understand it.
TEXT, MARK = 4.5, 3.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    record = open_record(folder, create=True)
    simulated(record, trials=60)
    return write_report(record, "made", folder / "made.html")


def test_it_draws_every_chart_without_a_word_or_a_request(browser: Browser, made: Path) -> None:
    with opened(browser, made) as found:
        drawn = found.page.evaluate(
            """[...document.querySelectorAll(".figure")].map(
                f => [f.id, f.querySelectorAll(
                    ".trace path, .point path, .points path, canvas, .fills path").length,
                    f.getBoundingClientRect().height])"""
        )

    assert found.complaints == []
    assert found.requests == [made.resolve().as_uri()]
    assert len(drawn) >= 6
    assert all(marks > 0 and height > 100 for _, marks, height in drawn), drawn


def test_a_phone_scrolls_down_only(browser: Browser, made: Path) -> None:
    width = 360
    with opened(browser, made, width=width) as found:
        for summary in found.page.query_selector_all("summary"):
            summary.click()
        wide = found.page.evaluate(
            """[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") &&
                e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))
            """
        )
        scroll = found.page.evaluate("document.documentElement.scrollWidth")

    assert wide == []
    assert scroll == width
    assert found.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out_from_the_ground(
    browser: Browser, made: Path, scheme: str
) -> None:
    with opened(browser, made, scheme=scheme) as found:
        texts = found.page.evaluate(
            """() => {
                const grounds = (e) => {
                    for (; e; e = e.parentElement) {
                        const colour = getComputedStyle(e).backgroundColor;
                        if (colour !== "rgba(0, 0, 0, 0)") return colour;
                    }
                };
                const all = "h1, h2, p, pre, th, td, summary, footer";
                const told = [...document.querySelectorAll(all)]
                    .filter(e => e.textContent.trim())
                    .map(e => [e.textContent.slice(0, 30), getComputedStyle(e).color, grounds(e)]);
                const drawn = [...document.querySelectorAll("svg text")]
                    .filter(e => e.textContent.trim())
                    .map(e => [e.textContent, getComputedStyle(e).fill, grounds(e)]);
                return [...told, ...drawn];
            }"""
        )
        marks = found.page.evaluate(
            """["accent", "solid", "failed", "rung2", "rung3", "rung4"].map(name =>
                [name, getComputedStyle(document.documentElement).getPropertyValue("--" + name),
                 getComputedStyle(document.body).backgroundColor])"""
        )

    assert len(texts) > 100
    assert [t for t in texts if contrast(t[1], t[2]) < TEXT] == []
    assert [m for m in marks if contrast(m[1], m[2]) < MARK] == []
    assert luminance(texts[0][2]) < 0.1 or scheme == "light"


def test_colours_follow_the_reader_s_mode(browser: Browser, made: Path) -> None:
    colour = "document.querySelector('#curves-0 .xtick text').style.fill"
    with opened(browser, made) as found:
        light = found.page.evaluate(colour)
        found.page.emulate_media(color_scheme="dark")
        found.page.wait_for_function(f"{colour} !== {light!r}")
    assert found.complaints == []


def contrast(one: str, other: str) -> float:
    """Of two CSS colours, 1 to 21 (WCAG 2.1, 1.4.3)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    numbers: list[Any] = [float(n) for n in re.findall(r"[\d.]+", colour)][:3]
    if colour.strip().startswith("#"):
        numbers = [int(colour.strip()[i : i + 2], 16) for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (n / 255 for n in numbers)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
