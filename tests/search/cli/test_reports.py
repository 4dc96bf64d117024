"""The commands that write pages."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

import search
from search.cli.main import main
from search.record.record import open_record
from tests.search.reports.page.simulated import simulated


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEARCH_RECORD", raising=False)
    record = open_record(tmp_path / "studies", create=True)
    simulated(record, "first", trials=9)
    return tmp_path


def test_a_page_is_named_after_its_study_or_as_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)

    assert main(["report", "first"]) == 0
    assert main(["report", "first", "--output", "pages/one.html", "--open"]) == 0

    assert capsys.readouterr().out.split() == ["first.html", "pages/one.html"]
    assert shown == [(folder / "pages" / "one.html").as_uri()]
    assert (folder / "first.html").stat().st_size > 1e6


def test_several_studies_are_compared_on_one_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(open_record(folder / "studies"), "second", trials=9, seed=1)

    assert main(["compare", "first", "second", "--output", "both.html"]) == 0
    assert main(["compare", "first"]) == 2

    assert "first (2 seeds)" in (folder / "both.html").read_text(encoding="utf-8")
    assert "two studies at least" in capsys.readouterr().err


def test_of_a_study_that_is_not_there_the_others_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "frist"]) == 2
    assert "first" in capsys.readouterr().err


def test_a_program_writes_the_same_page(folder: Path) -> None:
    study = search.load("first")

    path = study.report(folder / "page.html")

    with pytest.raises(search.UserError, match="two studies at least"):
        search.compare("first")
    assert "What won?" in path.read_text(encoding="utf-8")
