"""Each sampler and each scheduler that a study may name, on a real record."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest
from ray.tune.search import Searcher

from search.decisions import plan
from search.decisions.budget import epochs_given
from search.decisions.sampler import SAMPLERS
from search.decisions.schedulers import RULES
from search.driver.begin import prepare
from search.driver.new_study import asked_for
from search.errors import UserError
from search.record.record import Record, open_record
from search.tasks import config
from search.tasks.config import StudyConfig
from search.tasks.provenance import depends_on
from tests.curve_task import TASK
from tests.search.driver.loop import Loop

CURVE = "tests.curve_task:TASK"
OWN = "tests.own_rules"
CHOICES = [
    *[(sampler, "asha") for sampler in (*SAMPLERS, f"{OWN}:near_the_best")],
    *[("random", rule) for rule in (*RULES, f"{OWN}:best_goes_on") if rule != "asha"],
]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def test_the_tables_hold_what_may_be_named():
    assert set(SAMPLERS) == set(get_args(config.Sampler))
    assert set(RULES) == set(get_args(config.Scheduler))
    assert set(plan.LIMITED) < set(RULES)


@pytest.mark.parametrize(("sampler", "scheduler"), CHOICES)
def test_killed_and_resumed_the_table_is_the_same_bit_for_bit(record, sampler, scheduler):
    options = {"sampler": sampler, "scheduler": scheduler, "trials": 13, "max_epochs": 9}
    whole = Loop(record, "whole", **options)
    assert whole.run() == Searcher.FINISHED

    killed = Loop(record, "killed", **options)
    ended = None
    for epochs in (1, 12, 6, 3, 2, 1, 1, 1, 5):
        ended = ended or killed.run(epochs)
        killed.begin()
    assert killed.run() == Searcher.FINISHED

    assert whole.ending.early is None
    assert killed.table == whole.table
    assert len(whole.history.trials) == 13
    assert any(trial.complete(9) for trial in whole.history.trials)
    assert whole.history.trials[-1].suggestion.source == sampler


@pytest.mark.parametrize("scheduler", RULES)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_budget_is_kept_and_ends_the_study_with_a_winner(record, scheduler, workers):
    options = {"scheduler": scheduler, "workers": workers, "baseline": False}
    limited = scheduler in plan.LIMITED
    _, asked = asked_for(CURVE, budget_epochs=40, **options)
    loop = Loop(record, budget_epochs=40, trials=asked.trials, sampler="random", **options)

    assert loop.run() == Searcher.FINISHED

    epochs = loop.history.epochs
    assert 40 - 9 < epochs <= 40
    assert epochs_given(loop.history) == epochs
    assert any(trial.complete(9) for trial in loop.history.trials)
    if limited:
        assert len(loop.history.trials) == asked.trials
        assert epochs == plan.most_epochs_of(asked, asked.trials, 0)
        assert loop.searcher.ended_because == ""
    else:
        assert loop.searcher.ended_because == "the budget of 40 epochs is given out"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sampler": f"{OWN}:outside"}, "sampler tests.own_rules:outside gives what is outside"),
        ({"sampler": f"{OWN}:nothing"}, "must give a dict of what it draws, got NoneType"),
        (
            {"sampler": f"{OWN}:failing"},
            "sampler tests.own_rules:failing raises RuntimeError: no idea (tests/own_rules.py",
        ),
        (
            {"scheduler": f"{OWN}:failing"},
            "scheduler tests.own_rules:failing raises RuntimeError: no",
        ),
        ({"scheduler": f"{OWN}:stuck"}, "must give None, or .*; got (5, 1): it is not paused"),
    ],
)
def test_what_a_user_s_own_does_wrong_ends_the_study_in_one_line(record, options, why):
    loop = Loop(record, **{"baseline": False, **options})

    assert loop.searcher.suggest("0") is None

    assert loop.ending.early is not None
    assert loop.ending.early.outcome == "failed"
    for part in why.split(".*"):
        assert part in loop.ending.early.why
    assert "\n" not in loop.ending.early.why


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sampler": "tpw"}, r"one of tpe, random, or your own as module:FUNCTION; got tpw"),
        ({"scheduler": "asha:"}, r"one of asha, asha-published, hyperband, none, or your own"),
        ({"sampler": "tests.own_rules:lost"}, r"sampler tests.own_rules:lost cannot be imported"),
        ({"scheduler": "tests.own_rules:RandomSampler.x"}, "scheduler must be one of"),
        ({"scheduler": "__main__:mine"}, "put it into a module"),
        ({"budget_epochs": 17}, r"at least 18, which the 2 named points take in full; got 17"),
        ({"budget_epochs": 8, "baseline": False}, r"at least 9, which one trial takes in full"),
        ({"budget_epochs": -1}, "budget_epochs must be at least 0"),
    ],
)
def test_what_cannot_be_is_refused_before_the_start(options, why):
    with pytest.raises(UserError, match=why):
        asked_for(CURVE, **options)


def test_trials_bound_what_a_budget_holds():
    assert asked_for(CURVE, budget_epochs=156)[1].trials == 64
    assert asked_for(CURVE, budget_epochs=1000, trials=50)[1].trials == 50
    assert asked_for(CURVE)[1].trials == 64
    points = {"points": ["start"], "point_seeds": 3}
    assert asked_for(CURVE, **points)[1].trials == 64
    assert asked_for(CURVE, trials=0, **points)[1].trials == 3
    assert asked_for(CURVE, budget_epochs=40, **points)[1].trials == 3 + 8


def test_the_source_of_a_user_s_own_is_on_record():
    made = StudyConfig(name="s", task=CURVE, dataset="ones", scheduler=f"{OWN}:best_goes_on")
    prepared = prepare(TASK, made)

    without = depends_on(TASK, prepared, CURVE)["files"]
    known = depends_on(TASK, prepared, CURVE, made.own_modules)["files"]

    assert OWN in known
    assert OWN not in without


def test_hyperband_compares_trials_within_their_brackets(record):
    loop = Loop(record, scheduler="hyperband", trials=2 + 34, sampler="random")
    loop.run()

    drawn = loop.history.trials[2:]
    firsts = [next(e.epoch for e in t.epochs if e.decision != "go on") for t in drawn]
    assert firsts == 2 * ([1] * 9 + [3] * 5 + [9] * 3)
    for bracket, reached in ((1, [18, 6, 2]), (3, [0, 10, 3]), (9, [0, 0, 6])):
        members = [trial for trial, first in zip(drawn, firsts, strict=True) if first == bracket]
        at_rungs = [sum(t.epoch >= rung for t in members) for rung in (1, 3, 9)]
        assert at_rungs[[1, 3, 9].index(bracket) :] == [n for n in reached if n]
    assert loop.history.epochs == plan.most_epochs_of(loop.study.config, 36, 2)
    assert plan.arrivals(36, 2, [1, 3, 9], 3, "hyperband") == [34, 18 // 3 + 10 + 6, 2 + 3 + 6]
    shown: Any = dataclasses.asdict(loop.study.config)
    assert shown["scheduler"] == "hyperband"
