"""The live view, rendered for a history."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from search.record.record import Record, Study, open_record
from search.reports import progress
from search.reports.progress import Progress
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, failure, scored, segment, session, suggestion

EVENTS = [
    session("started", 6),
    *scored({9: 0.5}, {9: 0.75}, {1: 0.3}, {1: 0.4}, source="start")[1:],
    *[suggestion(4), segment(4, 1, 1), failure(4, 1)],
    *[suggestion(5), segment(5, 1, 1)],
]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


@pytest.fixture
def study(record: Record) -> Study:
    config = StudyConfig(
        name="s", task="tests.curve_task:TASK", dataset="ones", trials=6, workers=2
    )
    return record.create(config, {"baselines": {"zero": 0.25}})


def _view(record: Record, study: Study, *events) -> Progress:
    record.append(study, *events)
    view = Progress(record, study, TASK, quiet=True)
    view._read()
    return view


def _screen(view: Progress) -> str:
    console = Console(width=100, height=40, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view.screen())
    return console.export_text()


def test_before_the_first_trial_it_is_starting(record, study):
    view = _view(record, study, session("started", 6))

    assert view.line().endswith("starting")
    assert "starting 2 workers" in _screen(view)


def test_the_line_has_states_epochs_time_left_and_the_best(record, study):
    line = _view(record, study, *EVENTS).line()

    assert "2 complete, 1 failed, 2 paused, 1 running" in line
    assert "epochs 20 of 24" in line  # 2·9 + 4 + 1·2: room for one at epoch 3, none at 9
    assert re.search(r"\d:\d\d left \(\d:\d\d to \d:\d\d\)", line)
    assert "score 0.7500 (trial 1)" in line
    assert "\n" not in line


def test_the_screen_has_rungs_baselines_and_workers(record, study):
    text = _screen(_view(record, study, *EVENTS))

    assert re.search(r"study s +\d+:\d\d", text)
    assert "of 6" in text
    assert "epochs   20 of at most 24" in text
    assert "best     score 0.7500 (trial 1)" in text
    assert "zero 0.2500" in text
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("epoch ")]
    assert rows == [["epoch", "1", "2", "0", "0.4000"], ["epoch", "3", "0", "0"],
                    ["epoch", "9", "0", "0"]]  # fmt: skip
    assert "worker   trial 5, epoch 1 of 1" in text
    assert text.count("worker   idle") == 1


def test_it_follows_the_record(record, study):
    view = _view(record, study, *EVENTS)
    record.append(study, epoch(5, 1, 0.6))

    view._read()

    assert "epochs 21 of 24" in view.line()


def test_time_left_is_unknown_before_the_first_epoch(record, study):
    line = _view(record, study, session("started", 6), suggestion(0), segment(0, 1, 9)).line()

    assert "time left unknown" in line
    assert "no trial is complete yet" in line


def test_where_there_is_no_terminal_it_prints_plain_lines(record, study, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    record.append(study, *EVENTS)

    with Progress(record, study, TASK, quiet=False):
        until = time.monotonic() + 10
        while not (told := capsys.readouterr().err) and time.monotonic() < until:
            time.sleep(0.02)

    assert "epochs 20 of 24" in told.splitlines()[0]
    assert "\x1b" not in told


def test_quiet_is_quiet(record, study, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    with Progress(record, study, TASK, quiet=True):
        time.sleep(0.1)

    assert capsys.readouterr() == ("", "")
