"""What is told of a study before it begins, of earlier studies on record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from search.decisions.history import Session
from search.decisions.remaining import Remaining, measured, planned
from search.record.record import Record, Study, open_record
from search.reports.forecast import Earlier, earlier_trials, forecast, kind_of_machine
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, scored, suggestion

CURVE = "tests.curve_task:TASK"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def config(name: str = "new", **options) -> StudyConfig:
    return StudyConfig(name=name, task=CURVE, dataset="ones", **{"trials": 9, **options})


def on_record(record: Record, known: StudyConfig, machine: str, data: str = "d") -> Study:
    study = record.create(known, {"data": data, "baselines": {}})
    started = Session(event="started", trials=4, details={"machine": machine})
    record.append(study, started, *scored({9: 0.5}, {9: 0.6}, source="start")[1:])
    record.append(study, *[suggestion(2, x=0.3), suggestion(3, x=0.4)])
    record.append(study, epoch(3, 1, 0.4))
    return study


def test_the_time_is_by_earlier_studies_of_the_task_on_such_a_machine(record):
    kind = kind_of_machine(config())
    on_record(record, config("a"), kind)
    on_record(record, config("elsewhere"), "another machine")
    on_record(record, config("other-data"), kind, data="e")
    on_record(record, config("two-cores", cpus_per_trial=2), kind)

    earlier = earlier_trials(record, TASK, config(), "d")
    told = forecast(config(), TASK, earlier)

    assert earlier.source == "3 trials of study a"
    assert told.time is not None
    assert "by 3 trials of study a" in told.describe()


def test_of_earlier_trials_those_count_that_have_what_is_fixed(record):
    on_record(record, config("a"), kind_of_machine(config()))

    assert len(earlier_trials(record, TASK, config(fixed={"x": 0.4}), "d").trials) == 1
    assert earlier_trials(record, TASK, config(fixed={"x": 0.5}), "d") == Earlier()


def test_a_forecast_tells_trials_at_each_rung_disk_and_money():
    paces = [measured(number, 36.0, {"score": 0.5}, 0.0) for number in range(2, 12)]
    known = config(trials=29, workers=1)
    task = dataclasses.replace(TASK, checkpoint_mib=lambda fixed: 512.0)

    told = forecast(known, task, Earlier(trials=paces, source="nothing"), price_per_hour=2.0)
    named = told.named

    assert told.rungs == [(1, 29 - named), (3, (29 - named) // 3), (9, (29 - named) // 9)]
    assert told.disk_gib == 29.0
    assert told.time is not None
    cost = told.as_dict()["cost"]
    assert cost["median"] == pytest.approx(told.time.median_s / 1800, abs=1e-3)
    assert cost["low"] < cost["median"] < cost["high"] <= 2.01 * cost["low"]
    assert "money: " in told.describe()


def test_without_any_pace_the_time_is_unknown():
    told = forecast(config(), TASK, Earlier())

    assert told.time_line() == "time: unknown until the first epochs"
    assert told.as_dict()["time_s"] is None
    assert told.as_dict()["cost"] is None


def test_a_study_that_goes_on_is_told_by_its_own_trials(record):
    study = on_record(record, config("a"), "")

    told = forecast(config("a"), TASK, Earlier(), history=record.history(study), trials=20)

    assert told.time is not None
    assert told.source == "its own trials"


def test_a_plan_s_high_end_is_at_most_twice_its_low_end():
    wide = planned(Remaining(median_s=300.0, low_s=100.0, high_s=400.0))

    assert wide.high_s == pytest.approx(2 * wide.low_s)
    assert wide.low_s * wide.high_s == pytest.approx(100.0 * 400.0)
    assert wide.low_s <= wide.median_s <= wide.high_s
    narrow = Remaining(median_s=120.0, low_s=100.0, high_s=150.0)
    assert planned(narrow) == narrow
