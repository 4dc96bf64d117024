"""A new study that begins with what an earlier one has learned: taken once, on record since."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from search.decisions.warm_start import WarmStart
from search.driver.begin import prepare
from search.driver.new_study import new_study
from search.driver.planning import plan_study
from search.driver.warm_start import warm_start
from search.errors import UserError
from search.record.record import Record, open_record
from search.tasks.config import StudyConfig
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from tests.curve_task import TASK, Config
from tests.search.driver.loop import Loop

CURVE = "tests.curve_task:TASK"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """It has a finished study."""
    made = open_record(tmp_path, create=True)
    origin = {**depends_on(TASK, prepare(TASK, _config()), CURVE)}
    origin["objective"] = {"metric": "score", "mode": "max"}
    Loop(made, "old", origin=origin, trials=14, max_epochs=3, baseline=False).run()
    return made


def _config(**options: Any) -> StudyConfig:
    known = {"name": "new", "task": CURVE, "dataset": "ones", "max_epochs": 3}
    return StudyConfig(**{**known, "warm_start": "old", **options})


def take(record: Record, task: Task = TASK, **options: Any) -> tuple[WarmStart, str]:
    config = _config(**options)
    return warm_start(record, config, task, prepare(task, config))


def test_of_the_same_data_and_space_all_trials_are_known(record):
    taken, line = take(record)

    old = record.history(record.study("old")).trials
    assert [each.config for each in taken.known] == [t.suggestion.config for t in old]
    assert [each.value for each in taken.known] == [t.value("score") for t in old]
    assert not taken.first
    assert line == "warm start: the sampler knows 14 trials of study old, same data and space"


@pytest.mark.parametrize(
    ("task", "options", "why"),
    [
        (dataclasses.replace(TASK, space=lambda trial: {}), {}, "not the same: space"),
        (dataclasses.replace(TASK, metric="loss", mode="min"), {}, "not the same: objective"),
        (TASK, {"max_epochs": 9}, "not the same: max_epochs"),
        (TASK, {"sampler": "random"}, "the random sampler learns nothing"),
    ],
)
def test_where_scores_do_not_compare_the_best_are_tried_first(record, task, options, why):
    taken, line = take(record, task, fixed={"epoch_s": 0.25}, **options)

    old = [t for t in record.history(record.study("old")).trials if t.epoch == 3]
    best = sorted(old, key=lambda trial: -trial.value("score"))
    names = [f"trial {trial.number} of old" for trial in best]
    assert [*taken.first][: len(names)] == names
    assert len(taken.first) == 5
    assert taken.first[names[0]] == {**best[0].suggestion.config, "epoch_s": 0.25}
    assert not taken.known
    assert line == f"warm start: the best 5 of study old ({why}) are tried first"


def test_of_optuna_the_best_that_can_be_tried_are_tried_first(record, tmp_path):
    url = f"sqlite:///{tmp_path}/theirs.db"
    theirs = optuna.create_study(storage=url, study_name="theirs", direction="minimize")
    for x, value in ((0.6, 2.0), (1.5, 0.0), (0.4, 3.0), (0.6, 2.5)):
        ranges = {"x": FloatDistribution(0, 2)}
        theirs.add_trial(create_trial(params={"x": x}, distributions=ranges, value=value))

    taken, line = take(record, warm_start=f"optuna:{url}")

    assert {name: config["x"] for name, config in taken.first.items()} == {
        "point 0 of theirs": 0.6,
        "point 2 of theirs": 0.4,
    }
    assert line == "warm start: the best 2 of Optuna study theirs are tried first"
    optuna.create_study(storage=url, study_name="another")
    with pytest.raises(UserError, match=r"name one by --study; .* to `import --from`: it writes"):
        take(record, warm_start=f"optuna:{url}")


def test_what_cannot_be_used_is_told_in_one_line(record):
    Loop(record, "empty")
    with pytest.raises(UserError, match=r"no study named 'none'.*there: old, empty"):
        take(record, warm_start="none")
    with pytest.raises(UserError, match=r"nothing of study empty .* has no complete trial"):
        take(record, warm_start="empty")
    wants = dataclasses.replace(TASK, config=_Refusing)
    with pytest.raises(UserError, match=r"can be tried by task .*no such layer"):
        take(record, wants, max_epochs=9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Refusing(Config):
    def __post_init__(self) -> None:
        raise ValueError("no such layer")


def test_plan_and_run_tell_the_same_and_what_was_taken_is_on_record(record, monkeypatch):
    said: list[str] = []
    monkeypatch.chdir(record.folder)
    options = {"studies_dir": record.folder, "max_epochs": 3, "warm_start": "old"}

    plan_study(CURVE, say=said.append, **options)
    opened = new_study(CURVE, name="new", say=said.append, **options)

    told = [line for line in said if line.startswith("warm start")]
    assert told == [take(record)[1]] * 2
    kept = record.study("new")
    assert kept.config.warm_start == "old"
    assert kept.origin == {**opened.study.origin, **take(record)[0].as_origin()}


@pytest.mark.parametrize("way", ["known", "first"])
def test_killed_and_resumed_without_the_earlier_study_it_is_the_same(record, way):
    taken, _ = take(record, max_epochs=3 if way == "known" else 9)
    options = {"origin": taken.as_origin(), "trials": 12, "max_epochs": 3, "baseline": False}
    whole = Loop(record, "whole", **options)
    whole.run()
    record.delete(record.study("old"))

    killed = Loop(record, "killed", **options)
    for epochs in (1, 3, 2, 5):
        killed.run(epochs)
        killed.begin()
    killed.run()

    assert killed.table == whole.table
    assert len(whole.history.trials) == 12
    first = [trial.suggestion.source for trial in whole.history.trials][: len(taken.first)]
    assert first == [*taken.first]
