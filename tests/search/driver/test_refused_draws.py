"""A space or a configuration that raises when a trial is drawn costs that trial, not the study."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import optuna
import pytest
from ray.tune.search import Searcher

from search.driver.begin import probe
from search.errors import UserError
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.provenance import depends_on
from tests.curve_task import TASK, Config
from tests.search.driver.loop import Loop
from trainables.data import Prepared


def _space(trial: Any, error: BaseException) -> dict[str, Any]:
    x = trial.suggest_float("x", 0.0, 1.0)
    if 0.3 < x < 0.6:
        raise error
    return {"x": x}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Picky(Config):
    def __post_init__(self) -> None:
        if 0.3 < self.x < 0.6:
            raise ArithmeticError(f"{self.x:.1g} is in between")


class _Callable:
    def __call__(self, trial: Any) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0.0, 1.0)}


_PICKY_TASKS = [
    dataclasses.replace(TASK, space=functools.partial(_space, error=error))
    for error in (
        optuna.TrialPruned("no"),
        KeyError("no"),
        SystemExit("no"),
        GeneratorExit(),
        KeyboardInterrupt(),
    )
] + [dataclasses.replace(TASK, config=_Picky, space=_Callable())]


@pytest.mark.parametrize("task", _PICKY_TASKS)
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_such_a_trial_has_failed_and_the_study_goes_on(tmp_path, task, sampler):
    options = {"task": task, "trials": 20, "sampler": sampler, "max_epochs": 2, "baseline": False}
    record = open_record(tmp_path, create=True)
    loop = Loop(record, **options)

    assert loop.run() == Searcher.FINISHED

    trials = loop.history.trials
    refused = [trial for trial in trials if trial.failed]
    assert len(trials) == 20
    assert 0 < len(refused) < 20
    for trial in trials:
        assert trial.failed == (0.3 < trial.suggestion.config["x"] < 0.6)
    for trial in refused:
        assert trial.failures[0].final
        assert "test_refused_draws.py" in trial.failures[0].traceback

    # Killed and resumed, it is the same, and meets none of them again.
    killed = Loop(record, "killed", **options)
    while killed.run(2) != Searcher.FINISHED:
        killed.at_work.clear()
        killed.begin()
    assert killed.table == loop.table


def test_a_space_that_refuses_each_draw_is_refused_before_the_start():
    def space(trial: Any) -> dict[str, Any]:
        raise LookupError("no such branch")

    config = StudyConfig(name="s", task="curve", dataset="ones")
    data = TASK.data.load(Path())

    with pytest.raises(UserError, match="space of task curve raises: LookupError: no such branch"):
        probe(dataclasses.replace(TASK, space=space), config, data)


def test_what_results_depend_on_is_known_of_any_callable():
    tasks = [
        dataclasses.replace(TASK, space=space)
        for space in (_Callable(), *(functools.partial(_space, error=e) for e in (1, 2)))
    ]

    spaces = [depends_on(task, Prepared(folder=Path(), hash=""))["space"] for task in tasks]

    assert len(set(spaces)) == 3
