"""One segment in a worker: epochs, checkpoints, signals. The Trainable alone, with no cluster."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.files import paths
from tests import curve_task
from trainables import checkpoint


def _alone(epochs: int = 4, **config: Any) -> list[dict[str, float]]:
    """The metrics of the training function itself."""
    made = curve_task.Config(**config)
    train = curve_task.train(made, np.ones(50, dtype=np.float32), seed=7, max_epochs=epochs)
    return [dict(epoch.metrics) for epoch in train]


def test_a_segment_is_as_many_epochs_as_it_is_told(run):
    results = run(1, 3)

    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert [result["done"] for result in results] == [False, False, True]
    assert [result["metrics"] for result in results] == _alone()[:3]
    assert all(result["cpu_s"] >= 0 and result["wall_s"] > 0 for result in results)
    assert all(10 < result["usage"]["memory_mib"] < 1e6 for result in results)


def test_segments_one_after_the_other_are_as_one(run):
    metrics = [result["metrics"] for part in ((1, 1), (2, 3), (4, 4)) for result in run(*part)]

    assert metrics == _alone()


def test_a_lost_checkpoint_is_made_up_for_by_replaying(run, tmp_path):
    run(1, 3)
    for path in paths.checkpoint_folder(tmp_path, 0).iterdir():
        path.unlink()

    results = run(4, 4)

    assert [result["epoch"] for result in results] == [1, 2, 3, 4]
    assert [result["metrics"] for result in results] == _alone()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(run, tmp_path):
    run(1, 3)
    newest = paths.checkpoint_folder(tmp_path, 0) / "epoch-000003.pt"
    newest.write_bytes(newest.read_bytes()[:-1])

    results = run(4, 4)

    assert [result["epoch"] for result in results] == [3, 4]
    assert [result["metrics"] for result in results] == _alone()[2:]


def test_a_reused_worker_takes_nothing_from_one_trial_into_the_next(run):
    first = run(1, 4, trial=0)
    second = run(1, 4, trial=1)

    assert [result["metrics"] for result in first] == [result["metrics"] for result in second]


def test_only_a_complete_trial_leaves_its_predictions(run, tmp_path):
    path = paths.predictions_file(tmp_path, 0)
    run(1, 3)
    assert not path.exists()

    score = run(4, 4)[-1]["metrics"]["score"]

    assert paths.load_predictions(path) == pytest.approx(np.full(50, score), rel=1e-6)


def test_each_epoch_is_in_its_checkpoint_before_it_is_reported(run, tmp_path):
    run(1, 2)

    epoch, state = checkpoint.load(paths.checkpoint_folder(tmp_path, 0))
    assert epoch == state["epoch"] == 2


def test_what_a_trial_prints_is_in_its_own_log(run, tmp_path, capsys):
    run(1, 2, trial=0)
    run(1, 4, trial=1, fault="raise")

    assert paths.log_file(tmp_path, "trial-0").read_text() == "epoch 1\nepoch 2\n"
    log = paths.log_file(tmp_path, "trial-1").read_text()
    assert log == "epoch 1\n"  # the traceback is on record
    assert capsys.readouterr().out == ""


def test_streams_that_were_kept_at_import_lead_to_each_trial_s_own_log(run, tmp_path, monkeypatch):
    kept = []

    def train(*arguments: Any, **options: Any) -> Iterator[Any]:
        if not kept:  # as a module does that is imported with the first trial
            handler = logging.StreamHandler()
            kept.extend([functools.partial(print, file=sys.stdout), handler])
        say, handler = kept
        for epoch in curve_task.train(*arguments, **options):
            say("№", epoch.number)
            handler.emit(logging.makeLogRecord({"msg": f"done {epoch.number}"}))
            sys.stdout.buffer.write(b"raw\n")
            sys.stdout.buffer.flush()
            yield epoch

    monkeypatch.setattr(curve_task, "TASK", dataclasses.replace(curve_task.TASK, train=train))

    for trial in (0, 1):
        assert run(1, 2, trial=trial)[-1]["epoch"] == 2

    for trial in (0, 1):
        log = paths.log_file(tmp_path, f"trial-{trial}").read_text(encoding="utf-8").splitlines()
        assert log == [
            line for n in (1, 2) for line in (f"epoch {n}", f"№ {n}", f"done {n}", "raw")
        ]
    print("between trials", file=kept[0].keywords["file"])  # leads somewhere still


def test_processes_that_a_trial_forks_are_no_workers(run, tmp_path, monkeypatch):
    """A child's SIGTERM leaves no mark of a machine that was taken away, and a child that raises
    does not go on as a second worker."""

    def train(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number in (signal.SIGTERM, None):
            child = os.fork()
            if not child:
                if number is None:
                    raise ValueError("in the child")
                os.kill(os.getpid(), number)
            ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        yield from curve_task.train(*arguments, **options)

    ended: list[int] = []
    monkeypatch.setattr(curve_task, "TASK", dataclasses.replace(curve_task.TASK, train=train))

    assert run(1, 1)[-1]["epoch"] == 1

    assert ended == [143, 1]
    assert not paths.preemption_mark(tmp_path, 0).exists()


def _pictures(
    config: Any, data: Any, curve: Any, predictions: np.ndarray, state: Any
) -> dict[str, bytes]:
    """Not a picture: what a picture would be drawn from."""
    known = {"x": config.x, "curve": curve, "predictions": len(predictions), **state}
    return {"curve.png": json.dumps({k: known[k] for k in ("x", "curve", "predictions")}).encode()}


def _broken_pictures(*arguments: Any) -> dict[str, bytes]:
    raise RuntimeError("no fonts")


def _draws(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    task = dataclasses.replace(curve_task.TASK, figures=f"{__name__}:{function}")
    monkeypatch.setattr(curve_task, "TASK", task)


def test_a_complete_trial_s_pictures_are_of_its_whole_curve(run, tmp_path, monkeypatch):
    _draws(monkeypatch, "_pictures")
    run(1, 2)
    run(3, 3)
    assert not paths.figures_folder(tmp_path, 0).exists()

    run(4, 4)

    drawn = json.loads((paths.figures_folder(tmp_path, 0) / "curve.png").read_text())
    assert drawn == {"x": 0.3, "curve": _alone(), "predictions": 50}


def test_a_picture_that_cannot_be_drawn_costs_no_trial(run, monkeypatch):
    _draws(monkeypatch, "_broken_pictures")

    assert [result["epoch"] for result in run(1, 4)] == [1, 2, 3, 4]


def test_a_worker_told_to_go_in_an_epoch_leaves_a_mark(run, tmp_path, monkeypatch):
    """SIGTERM, also before the first checkpoint of all: the process ends, and says why."""
    codes = []

    def leave(code: int) -> None:
        codes.append(code)
        raise SystemExit(code)

    def preempted(*arguments: Any, **options: Any) -> Iterator[Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield from curve_task.train(*arguments, **options)

    task = dataclasses.replace(curve_task.TASK, train=preempted)
    monkeypatch.setattr(curve_task, "TASK", task)
    monkeypatch.setattr(os, "_exit", leave)  # else the test would go with it

    run(1, 1)

    assert codes == [143]
    assert paths.preemption_mark(tmp_path, 0).exists()


def test_a_worker_told_to_go_between_epochs_leaves_none(run, tmp_path, monkeypatch):
    """Ray ends idle workers by SIGTERM too."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    run(1, 1)
    monkeypatch.setattr(os, "_exit", leave)

    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)

    assert not paths.preemption_mark(tmp_path, 0).exists()


def test_trials_run_in_the_folder_where_the_study_was_typed(run, tmp_path, monkeypatch):
    """Tune takes each to a folder of its own; a user's relative paths mean the same in both."""
    (tmp_path / "typed_here").mkdir()
    monkeypatch.chdir(tmp_path)
    seen: list[Path] = []

    def looking(*arguments: Any, **options: Any) -> Iterator[Any]:
        seen.append(Path.cwd())
        yield from curve_task.train(*arguments, **options)

    task = dataclasses.replace(curve_task.TASK, train=looking)
    monkeypatch.setattr(curve_task, "TASK", task)

    run(1, 1)

    assert seen == [tmp_path / "typed_here"]


def test_a_trial_without_a_gpu_s_share_sees_none(run, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    run(1, 1)

    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
