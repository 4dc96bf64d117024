"""Trials that fail late, and studies that are small: there is a winner, killed or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from search.decisions import plan
from search.record.record import Record, open_record
from search.reports.summary import best_trial
from tests import curve_task
from tests.search.driver.loop import Loop
from trainables import Epoch


def _train(config: Any, data: Any, **options: Any) -> Iterator[Epoch]:
    for epoch in curve_task.train(config, data, **options):
        if epoch.number == 5 and config.x < 0.8:
            raise RuntimeError("diverged")
        yield epoch


LATE = dataclasses.replace(curve_task.TASK, train=_train)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
@pytest.mark.parametrize(("trials", "workers"), [(1, 1), (2, 1), (9, 1), (9, 3), (30, 2)])
def test_a_study_ends_with_a_winner_if_one_trial_can_be_completed(
    record, trials, workers, scheduler
):
    loop = Loop(
        record, task=LATE, trials=trials, workers=workers, scheduler=scheduler, baseline=False
    )

    assert loop.run() == Searcher.FINISHED

    history = loop.history
    can = [t for t in history.trials if t.suggestion.config["x"] >= 0.8]
    assert (best_trial(history, loop.study, LATE) is not None) == bool(can)
    most = plan.most_epochs_of(loop.study.config, trials, 0, history)
    assert history.epochs <= most


@pytest.mark.parametrize("trials", [1, 2, 9])
def test_killed_after_every_epoch_the_same_one_wins(record, trials):
    options = {"task": LATE, "trials": trials, "baseline": False}
    undisturbed, killed = Loop(record, "undisturbed", **options), Loop(record, "killed", **options)
    undisturbed.run()

    while killed.run(1) != Searcher.FINISHED:
        killed.begin()

    assert killed.table == undisturbed.table
