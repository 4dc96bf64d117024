"""Who follows a study: where it stands, and what is told of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from search.record.record import Record, Study, open_record
from search.reports import live, progress
from search.reports.progress import Progress
from search.reports.standing import Follower
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


def _follower(record: Record, study: Study, *events) -> Follower:
    record.append(study, *events)
    follower = Follower(record, study, TASK)
    follower.read()
    return follower


def test_it_follows_the_record(record, study):
    follower = _follower(record, study, *EVENTS)
    record.append(study, epoch(5, 1, 0.6))

    follower.read()

    assert "epochs 21 of 24" in live.line(follower.standing())


def test_a_standing_has_rungs_with_their_cut_off(record, study):
    rungs = _follower(record, study, *EVENTS, epoch(5, 1, 0.6)).standing().rungs

    assert [(rung.epoch, rung.reached, rung.cut_off) for rung in rungs] == [
        (1, 3, 0.6),
        (3, 0, None),
        (9, 0, None),
    ]


def test_a_standing_has_failures_by_reason_and_the_last_session_s_end(record, study):
    follower = _follower(record, study, *EVENTS, session("stopped", 6))
    standing = follower.standing()

    assert standing.failures == [("RuntimeError: asked to fail", 1)]
    assert standing.ended == "stopped"
    assert standing.work == []
    assert standing.counts == {"complete": 2, "failed": 1, "paused": 3}


def test_where_there_is_no_terminal_it_prints_plain_lines(record, study, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    record.append(study, *EVENTS)

    with Progress(record, study, TASK):
        until = time.monotonic() + 10
        while not (told := capsys.readouterr().err) and time.monotonic() < until:
            time.sleep(0.02)

    assert "epochs 20 of 24" in told.splitlines()[0]
    assert "\x1b" not in told


def test_quiet_is_quiet(record, study, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    with Progress(record, study, TASK, show="nothing"):
        time.sleep(0.1)

    assert capsys.readouterr() == ("", "")


def test_events_are_told_as_json_lines_from_now_on(record, study, capsys):
    record.append(study, *EVENTS)

    with Progress(record, study, TASK, show="events"):
        record.append(study, epoch(5, 1, 0.6), suggestion(6, x=0.5), segment(6, 1, 9))
        record.append(study, *[epoch(6, at, 0.8) for at in range(1, 10)])
        record.append(study, session("finished", 6))

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [each["event"] for each in told[:3]] == ["epoch", "suggestion", "epoch"]
    assert told[0] | {"time": 0} == {
        "event": "epoch", "time": 0, "trial": 5, "epoch": 1,
        "metrics": {"score": 0.6, "loss": 0.4}, "decision": "go on",
    }  # fmt: skip
    assert told[1]["config"] == {"x": 0.5}
    best = [each for each in told if each["event"] == "best"]
    assert [(each["trial"], each["value"]) for each in best] == [(6, 0.8)]
    ends = [(each["trial"], each["state"]) for each in told if each["event"] == "end"]
    assert ends == [(6, "complete"), (2, "pruned"), (3, "pruned"), (5, "pruned")]
    assert told[-1]["state"] == "finished"
