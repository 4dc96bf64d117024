"""`plan`, as it is typed: epochs are measured, nothing is put on record."""

from __future__ import annotations

import json

import search
from search.driver import calibration
from search.driver.begin import prepare
from search.driver.new_study import asked_for
from tests.conftest import Place

CURVE = "tests.curve_task:TASK"


def test_a_plan_measures_epochs_and_leaves_nothing(place: Place, monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.3)
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("PYTHONPATH", place.env["PYTHONPATH"])
    told = search.plan(CURVE, trials=9, workers=1, fixed={"epoch_s": "0.05"}, price_per_hour=3600.0)

    assert told.time is not None
    assert 0.05 * told.epochs < told.time.high_s < 10 + 0.2 * told.epochs
    assert "measured now" in told.source
    assert told.as_dict()["cost"]["median"] > 0.05 * told.epochs
    assert not (place.folder / "studies").exists()


def test_what_is_measured_has_the_named_points_and_random_draws(place: Place, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", place.env["PYTHONPATH"])
    task, config = asked_for(CURVE, workers=1, fixed={"epoch_s": 0.02})

    trials = calibration.calibrate(config, prepare(task, config), seconds=0.5)

    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert len(trials) > len(task.first_trials(config))
    # The report's own configuration is run as it stands.
    assert all(trial.epochs[0].wall_s >= 0.02 for trial in trials[1:])


def test_a_price_that_is_none_is_refused(place: Place):
    told = place.search("plan", CURVE, "--set", "fault=raise", "--max-epochs", "1", "--json",
                        "--workers", "1", "--price-per-hour", "-1")  # fmt: skip

    assert told.returncode == 2
    assert "--price-per-hour must be between 0 and 1e6, got -1" in told.stderr


def test_run_tells_the_same_line_first_by_the_study_before_it(place: Place):
    options = ("--trials", "3", "--workers", "1", "--max-epochs", "1", "--no-baseline")
    first = place.search("run", CURVE, "--name", "a", *options)
    assert first.returncode == 0, first.stderr
    assert "time: unknown until the first epochs" in first.stdout

    told = place.search("plan", CURVE, *options, "--json")

    assert told.returncode == 0, told.stderr
    plan = json.loads(told.stdout.splitlines()[-1])
    assert plan["time_from"] == "3 trials of study a"
    assert plan["epochs"] == 3
    assert 0 < plan["time_s"]["low"] <= plan["time_s"]["high"] <= 2.001 * plan["time_s"]["low"]
