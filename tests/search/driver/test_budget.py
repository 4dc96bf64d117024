"""A budget of epochs: what it holds, kept through failures, changed by a resume."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.search import Searcher

from search.decisions import plan
from search.decisions.budget import affordable_trials
from search.driver.reopen import reopen
from search.errors import UserError
from search.record.record import Record, open_record
from search.reports.forecast import Earlier, forecast
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.driver.loop import Loop
from tests.search.studies import session

ORIGIN = {"code": "c", "data": "d", "space": "s", "versions": {}}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


@given(
    budget=st.integers(18, 2000),
    scheduler=st.sampled_from(plan.LIMITED),
    named=st.integers(0, 2),
    factor=st.integers(2, 4),
)
def test_it_holds_so_many_trials_and_not_one_more(budget, scheduler, named, factor):
    config = StudyConfig(name="s", task="t", dataset="d", budget_epochs=budget,
                         scheduler=scheduler, reduction_factor=factor)  # fmt: skip

    trials = affordable_trials(config, budget, named)

    assert plan.most_without_budget(config, trials, named) <= budget
    assert plan.most_without_budget(config, trials + 1, named) > budget or trials == budget
    assert plan.most_epochs_of(config, 5000, named) == budget
    assert affordable_trials(config, 3, named) == min(3, trials)


def test_the_plan_tells_what_it_holds():
    config = StudyConfig(name="s", task="t", dataset="d", trials=64, budget_epochs=100)
    told = forecast(config, TASK, Earlier())
    assert told.rungs == [(1, 35), (3, 11), (9, 3)]
    assert told.epochs == 2 * 9 + 35 + 11 * 2 + 3 * 6
    assert "37 trials of t on d" in told.text
    assert told.text.endswith("a budget of 100")


def test_it_is_kept_though_trials_fail(record):
    options = {"budget_epochs": 60, "trials": 60, "max_epochs": 9, "workers": 2}
    loop = Loop(record, fixed={"fault": "raise"}, **options)
    loop.run()
    assert loop.history.failed > 0
    assert loop.history.epochs <= 60


def test_a_resume_changes_it_and_extends_the_study(record, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    options = {"budget_epochs": 40, "scheduler": "asha", "sampler": "random", "trials": 40}
    loop = Loop(record, origin=ORIGIN, **options)
    assert loop.run() == Searcher.FINISHED
    assert loop.searcher.ended_because == "the budget of 40 epochs is given out"
    spent, begun = loop.history.epochs, len(loop.history.trials)
    record.append(loop.study, session("finished", begun))

    with pytest.raises(UserError, match=rf"epochs that are given out \({spent}\), got 20"):
        reopen(record, loop.study, TASK, accept_changes=True, budget_epochs=20)
    opened, trials = reopen(record, loop.study, TASK, accept_changes=True, budget_epochs=60)
    loop.study = opened.study
    loop.begin(trials)
    loop.run()

    assert begun < len(loop.history.trials) == trials
    assert spent < loop.history.epochs <= 60
    opened, _ = reopen(record, opened.study, TASK, accept_changes=True, budget_epochs=0)
    assert record.study("s").config.budget_epochs == 0
