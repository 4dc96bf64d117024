"""Whole studies: real Ray, real SQLite, real MLflow, real signals. The training is a formula."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.decisions.history import EpochEnd, Suggestion
from search.files.paths import baseline_file
from search.record.record import Record
from search.tracking.delivery import sync
from tests.conftest import Place
from tests.curve_task import TASK
from tests.search.driver.in_mlflow import everything_of, mlflow_client, runs_of
from tests.waiting import HANGS_S, wait_until

CURVE, FAULTY = "tests.curve_task:TASK", "tests.curve_task:FAULTY"
TRIALS = 11  # 2 named points in full, 9 drawn: 2·9 + 9 + 3·2 + 1·6 = 39 epochs
OPTIONS = ("--workers", "1", "--set", "epoch_s=0.05", "--json")

Summary = dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def beside(place: Place) -> dict[str, Summary]:
    """Two studies, each in a driver of its own, at the same time in the same folder."""
    runs = {"undisturbed": (CURVE, str(TRIALS)), "faulty": (FAULTY, "4")}
    printed = place.together(
        *[("run", t, "--name", name, "--trials", n, *OPTIONS) for name, (t, n) in runs.items()]
    )
    return {name: json.loads(out.splitlines()[-1]) for name, out in zip(runs, printed, strict=True)}


@pytest.fixture(scope="module")
def undisturbed(beside: dict[str, Summary]) -> Summary:
    """The study that the others are held against."""
    return beside["undisturbed"]


@pytest.fixture(scope="module")
def disturbed(place: Place) -> Summary:
    """The same, its driver killed in the named points, interrupted among the others."""
    run = ("run", CURVE, "--name", "disturbed", "--trials", str(TRIALS), *OPTIONS)
    resume = ("resume", "disturbed", "--json")
    killed = _until(place, 13, lambda driver: driver.kill(), *run)
    assert killed.returncode == -signal.SIGKILL
    interrupted = _until(place, 25, lambda driver: os.killpg(driver.pid, signal.SIGINT), *resume)
    assert interrupted.returncode == 130, interrupted.stderr
    assert json.loads(interrupted.stdout.splitlines()[-1])["state"] == "interrupted"
    told = place.search(*resume)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def faulty(beside: dict[str, Summary]) -> Summary:
    """One trial for each way to fail at epoch 2, and a good one."""
    return beside["faulty"]


def test_a_study_ends_with_its_summary_as_the_last_line(undisturbed):
    assert (undisturbed["name"], undisturbed["task"]) == ("undisturbed", CURVE)
    assert undisturbed["state"] == "finished"
    assert undisturbed["objective"] == {"metric": "score", "mode": "max"}
    trials = undisturbed["trials"]
    assert trials["total"] == TRIALS
    assert (trials["complete"], trials["pruned"]) == (3, 8)
    assert (trials["failed"], trials["running"]) == (0, 0)
    assert set(undisturbed["best"]) == {"trial", "value", "epoch", "config"}
    assert set(undisturbed["best"]["config"]) == {"x", "kind", "bump", "epoch_s", "fault"}
    assert {"start", "default", "zero"} == set(undisturbed["baselines"])
    assert undisturbed["baselines"]["zero"]["best_minus_this"]["beyond_example_noise"]
    assert undisturbed["wall_s"] > 39 * 0.05
    assert undisturbed["train_s"] > 0
    assert 0 < undisturbed["utilisation"] < 1


def test_it_trains_as_many_epochs_as_it_said_before(undisturbed):
    assert undisturbed["epochs"] == undisturbed["epochs_planned"] == 39


def test_the_best_is_the_best_complete_trial(place, undisturbed):
    table = _table(place.record, "undisturbed")
    full = {trial: m["score"] for trial, epoch, m, _ in table["epochs"] if epoch == 9}

    assert undisturbed["best"]["value"] == max(full.values())
    assert full[undisturbed["best"]["trial"]] == max(full.values())


def test_killed_and_interrupted_it_is_the_same_study_bit_for_bit(place, undisturbed, disturbed):
    assert _table(place.record, "disturbed") == _table(place.record, "undisturbed")
    for field in ("trials", "best", "baselines", "epochs"):
        assert disturbed[field] == undisturbed[field]


def test_a_disturbed_study_repeated_no_epoch_on_record(place, disturbed):
    history = place.record.history(place.record.study("disturbed"))

    assert len(history.spans) == 3
    assert sum(trial.epoch for trial in history.trials) == 39


def test_each_kind_of_failure_has_its_reason_and_is_never_best(place, faulty):
    assert faulty["trials"]["failed"] == 3
    assert faulty["trials"]["complete"] == 1
    assert faulty["best"]["trial"] == 0

    good, nan, raised, died = place.record.history(place.record.study("faulty")).trials
    assert good.epoch == 9
    assert [trial.epoch for trial in (nan, raised, died)] == [1, 1, 1]
    assert [failure.reason for failure in nan.failures] == ["score is nan at epoch 2"]
    assert [failure.reason for failure in raised.failures] == ["RuntimeError: asked to fail"]
    assert 'raise RuntimeError("asked to fail")' in raised.failures[0].traceback
    assert [failure.final for failure in died.failures] == [False, False, True]
    assert all("process died" in failure.reason for failure in died.failures)


def test_the_log_of_a_trial_holds_what_it_printed(place, faulty):
    told = place.search("show", "faulty", "--trial", "2")

    assert "trial 2: failed" in told.stdout
    assert "epoch 1\n" in told.stdout
    assert "RuntimeError: asked to fail" in told.stdout


def test_mlflow_has_one_parent_and_one_child_a_trial(place, undisturbed, monkeypatch):
    monkeypatch.chdir(place.folder)
    parent, children = runs_of(place, "undisturbed")

    assert parent.info.status == "FINISHED"
    assert parent.data.tags["state"] == "finished"
    assert parent.data.metrics["best_score"] == undisturbed["best"]["value"]
    assert parent.data.metrics["trials_pruned"] == 8
    assert sorted(children) == list(range(TRIALS))
    for trial in place.record.history(place.record.study("undisturbed")).trials:
        run = children[trial.number]
        assert run.info.status == "FINISHED"
        assert run.data.params == {k: str(v) for k, v in trial.suggestion.config.items()}
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["seed"] == str(trial.suggestion.seed)
        assert run.data.tags["rung"] == str(trial.epoch)
        assert run.data.tags["state"] == ("complete" if trial.epoch == 9 else "pruned")
        curve = mlflow_client(place).get_metric_history(run.info.run_id, "score")
        assert [(m.step, m.value) for m in curve] == [
            (epoch.epoch, epoch.metrics["score"]) for epoch in trial.epochs
        ]


def test_mlflow_knows_the_failed(place, faulty, monkeypatch):
    monkeypatch.chdir(place.folder)
    _, children = runs_of(place, "faulty", experiment="faulty")

    assert [children[n].info.status for n in range(4)] == ["FINISHED", *["FAILED"] * 3]
    assert [children[n].data.tags["state"] for n in range(4)] == ["complete", *["failed"] * 3]
    assert children[1].data.tags["reason"] == "score is nan at epoch 2"


def test_a_killed_study_is_in_mlflow_once(place, disturbed, monkeypatch):
    monkeypatch.chdir(place.folder)
    parent, children = runs_of(place, "disturbed")

    assert sorted(children) == list(range(TRIALS))
    assert {run.info.status for run in (parent, *children.values())} == {"FINISHED"}


def test_sync_twice_changes_nothing(place, undisturbed, monkeypatch):
    monkeypatch.chdir(place.folder)
    before = everything_of(place, "undisturbed")

    for _ in range(2):
        sync(place.record, place.record.study("undisturbed"), TASK)
        assert everything_of(place, "undisturbed") == before


def test_an_extended_study_goes_on_where_it_ended(place, disturbed):
    before = _table(place.record, "disturbed")
    baseline_file(place.record.study_folder("disturbed"), "zero").unlink()  # as by a kill

    told = place.search("resume", "disturbed", "--trials", str(TRIALS + 3), "--json")

    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    after = _table(place.record, "disturbed")
    assert summary["trials"]["total"] == TRIALS + 3
    assert summary["baselines"]["zero"]["best_minus_this"]["beyond_example_noise"]
    assert summary["epochs"] == summary["epochs_planned"] == 2 * 9 + 12 + 4 * 2 + 1 * 6
    assert after["suggestions"][:TRIALS] == before["suggestions"]
    assert after["epochs"][:39] == before["epochs"]


def test_no_mark_of_preemption_is_left_where_there_was_none(place, undisturbed, faulty):
    """Else the next death of that trial's process would not count as an attempt."""
    studies = place.folder / "studies"

    assert list(studies.glob("*/checkpoints/*.preempted")) == []


def test_nothing_is_left_running(place, undisturbed, disturbed, faulty):
    """Drivers, workers and deliveries of this file are all over, the killed driver's too."""
    wait_until(lambda: not _processes_of(place), "some live on", seconds=60)


def _until(
    place: Place,
    epochs: int,
    disturb: Callable[[subprocess.Popen[str]], None],
    *arguments: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command on the study "disturbed" and disturb it after so many epochs on record."""
    before = _epochs_on_record(place.record, "disturbed")
    with place.start(*arguments) as driver:
        try:
            # One of its own at least, where the driver before was disturbed late.
            wait_until(
                lambda: _epochs_on_record(place.record, "disturbed") >= max(epochs, before + 1),
                "no epochs",
                process=driver,
                every_s=0.02,
            )
            disturb(driver)
            out, err = driver.communicate(timeout=HANGS_S)
        finally:
            driver.kill()
    return subprocess.CompletedProcess(arguments, driver.returncode, out, err)


def _epochs_on_record(record: Record, name: str) -> int:
    for study in record.studies():
        if study.name == name:
            return sum(isinstance(event, EpochEnd) for _, _, event in record.events(study))
    return 0


def _table(record: Record, name: str) -> dict[str, Any]:
    """All that must not depend on when a driver was killed: no times, attempts or sessions."""
    study = record.study(name)
    history = record.history(study)
    events = [event for _, _, event in record.events(study)]
    return {
        "suggestions": [
            (e.trial, e.config, e.seed, e.source) for e in events if isinstance(e, Suggestion)
        ],
        "epochs": [
            (e.trial, e.epoch, e.metrics, e.decision) for e in events if isinstance(e, EpochEnd)
        ],
        "states": [history.state(trial, study.config.max_epochs) for trial in history.trials],
    }


def _processes_of(place: Place) -> list[str]:
    """Command lines of processes that work in this test's folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(place.folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # no process, or gone
    return found
