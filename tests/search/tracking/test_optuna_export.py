"""A study of ours as a study of Optuna's, in its real storages."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
import pyarrow.parquet
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search.decisions.history import Event, Suggestion
from search.decisions.sampler import rank_trials, suggest
from search.errors import ArchiveError, UserError
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
from search.tracking.export import export
from search.tracking.optuna_trials import OptunaTrials
from tests.curve_task import TASK
from tests.search.studies import epoch, failure, history, scored, segment, session, suggestion

STATES = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]


def drawn(events: Iterable[Event], *configs: dict[str, Any]) -> list[Event]:
    """The same, each trial with its configuration."""
    return [
        dataclasses.replace(event, config=configs[event.trial])
        if isinstance(event, Suggestion)
        else event
        for event in events
    ]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


@pytest.fixture
def study(record: Record) -> Study:
    """A trial of each end: complete, pruned, failed."""
    config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones", max_epochs=3)
    made = record.create(config, {"baselines": {}})
    end = [*scored({1: 0.2, 3: 0.6}, {1: 0.1}), suggestion(2), segment(2, 1, 1), failure(2, 1)]
    plain = {"epoch_s": 0.0, "fault": "none"}
    record.append(
        made,
        *drawn(
            end,
            {"x": 0.3, "kind": "plain", "bump": 0.0, **plain},
            {"x": 0.5, "kind": "bumpy", "bump": 0.25, **plain},
            {"x": 0.9, "kind": "plain", "bump": 0.0, **plain},
        ),
        session("finished", 3),
    )
    return made


def told(record: Record, study: Study, to: str, **options: Any) -> str:
    """What a person is told."""
    lines: list[str] = []
    export(record, study, TASK, to, say=lines.append, **{"output": None, **options})
    return "\n".join(lines)


@pytest.mark.parametrize("address", ["sqlite:///{}/x.db", "journal:{}/x.log"])
def test_optuna_opens_it_and_a_second_export_adds_nothing(record, study, tmp_path, address):
    address = address.format(tmp_path)
    assert "3 trials, 3 new" in told(record, study, f"optuna:{address}")
    assert "3 trials, 0 new" in told(record, study, f"optuna:{address}")

    found = load(address)
    complete, pruned, failed = found.trials
    assert [trial.state for trial in found.trials] == STATES
    assert found.direction.name == "MAXIMIZE"
    assert found.metric_names == ["score"]
    assert found.best_trial.number == 0
    assert (complete.value, pruned.value, failed.value) == (0.6, 0.1, None)
    assert complete.intermediate_values == {1: 0.2, 2: 0.6, 3: 0.6}
    assert pruned.intermediate_values == {1: 0.1}
    assert complete.params == {"x": 0.3, "kind": "plain"}
    assert pruned.params == {"x": 0.5, "kind": "bumpy", "bump": 0.25}
    assert pruned.distributions["bump"] == FloatDistribution(0.0, 1.0)
    assert complete.user_attrs["fixed"] == {"bump": 0.0, "epoch_s": 0.0, "fault": "none"}
    assert complete.user_attrs["metric.loss"] == 0.4
    assert (failed.user_attrs["reason"], failed.user_attrs["seed"]) == (
        "RuntimeError: asked to fail", 2,
    )  # fmt: skip
    for ours, theirs in zip(record.history(study).trials, found.trials, strict=True):
        assert theirs.datetime_start == datetime.datetime.fromtimestamp(ours.started_at)
        assert theirs.datetime_complete == datetime.datetime.fromtimestamp(ours.ended_at)


def load(address: str) -> optuna.Study:
    storage: Any = address
    if address.startswith("journal:"):
        file = optuna.storages.journal.JournalFileBackend(address.removeprefix("journal:"))
        storage = optuna.storages.JournalStorage(file)
    return optuna.load_study(study_name="s", storage=storage)


def test_a_study_that_goes_on_is_brought_up_to_date(record, tmp_path):
    address = f"sqlite:///{tmp_path}/x.db"
    config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones", max_epochs=3)
    study = record.create(config, {"baselines": {}})
    record.append(study, *drawn(scored({1: 0.2}), {"x": 0.1, "kind": "plain"}))
    record.append(study, session("stopped", 2))
    told(record, study, f"optuna:{address}")
    [paused] = load(address).trials
    assert (paused.state, paused.user_attrs["state"]) == (TrialState.RUNNING, "paused")

    record.append(study, session("started", 2), segment(0, 2, 3), epoch(0, 2, 0.3))
    record.append(study, epoch(0, 3, 0.4, "complete"), session("finished", 2))
    assert "1 trials, all written anew" in told(record, study, f"optuna:{address}")
    assert load(address).trials[0].intermediate_values == {1: 0.2, 2: 0.3, 3: 0.4}

    second = dataclasses.replace(suggestion(1), config={"x": 0.2, "kind": "plain"})
    record.append(study, session("started", 2), second, segment(1, 1, 1), epoch(1, 1, 0.1))
    record.append(study, session("finished", 2))
    assert "2 trials, 1 new" in told(record, study, f"optuna:{address}")


def test_another_study_of_that_name_stays_as_it_is(record, study, tmp_path):
    address = f"sqlite:///{tmp_path}/x.db"
    optuna.create_study(storage=address, study_name="s")
    with pytest.raises(UserError, match="another Optuna study s"):
        told(record, study, f"optuna:{address}")
    assert load(address).trials == []


def mixed(trial: Any) -> dict[str, Any]:
    model = trial.suggest_categorical("model", ["small", "large"])
    if model == "small":
        return {"model": model, "width": trial.suggest_int("width", 1, 8),
                "rate": trial.suggest_float("rate", 1e-3, 1.0, log=True)}  # fmt: skip
    return {"model": model, "width": trial.suggest_int("width", 64, 512, step=64),
            "rate": trial.suggest_categorical("rate", ["cosine", "flat"])}  # fmt: skip


def test_one_name_with_other_ranges_in_other_branches():
    points: list[dict[str, Any]] = [
        {"model": "small", "width": 3, "rate": 0.1},
        {"model": "large", "width": 128, "rate": "flat"},
        {"model": "large", "width": 100, "rate": "flat"},  # a named point: of no such space
    ]
    past = history(drawn(scored({1: 0.1}, {1: 0.2}, {1: 0.3}), *points))
    made = OptunaTrials(past, ["pruned"] * 3, metric="score", space=mixed, fixed={})
    small, large, outside = made.trials
    assert small.distributions["width"] == IntDistribution(1, 8)
    assert large.distributions["width"] == IntDistribution(64, 512, step=64)
    assert small.params["rate"] == 0.1
    assert large.params["rate (('cosine', 'flat'))"] == "flat"
    assert made.names["rate (('cosine', 'flat'))"] == "rate"
    assert outside.distributions["width"] == IntDistribution(3, 128)
    # Optuna itself refuses names of several kinds.
    study = optuna.create_study()
    study.add_trials(made.trials)


def test_without_the_task_the_ranges_are_those_of_the_values():
    points: list[dict[str, Any]] = [
        {"n": 1, "rate": 0.5, "flag": True, "huge": 2**70},
        {"n": 4, "rate": 2, "flag": 1, "huge": 1},
    ]
    past = history(drawn(scored({1: 0.1}, {1: 0.2}), *points))
    made = OptunaTrials(past, ["pruned"] * 2, metric="score", space=None, fixed={})
    ranges = made.trials[0].distributions
    assert ranges["n"] == IntDistribution(1, 4)
    assert ranges["rate"] == FloatDistribution(0.5, 2.0)
    assert ranges["huge"].choices == (str(2**70), 1)  # type: ignore[attr-defined]
    optuna.create_study().add_trials(made.trials)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("x.db", "Optuna's storage is sqlite:///FILE, journal:FILE"),
        ("sqlite:////nowhere/x.db", "there is no folder /nowhere"),
        ("journal:/nowhere/x.log", "there is no folder /nowhere"),
        ("journal:/", "is a folder"),
        ("postgresql://me:secret@h/db", "as postgresql://me@h/db"),
        ("mysql://h/db", "No module named 'MySQLdb'"),
        ("nothing://h/db", "nothing"),
        ("postgresql://127.0.0.1:9/db", "connection"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_in_one_line(record, study, address, why):
    with pytest.raises(UserError, match=re.escape(why)) as raised:
        told(record, study, f"optuna:{address}")
    assert "\n" not in str(raised.value)
    assert ":secret" not in str(raised.value)


def test_a_file_that_is_no_storage_stays_as_it_is(record, study, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine\n")
    for kind in ("sqlite:///", "journal:"):
        with pytest.raises(UserError, match="Optuna's"):
            told(record, study, f"optuna:{kind}{file}")
    assert file.read_text() == "mine\n"


def test_tables_for_notebooks_and_spreadsheets(record, study, tmp_path):
    rows = told(record, study, "parquet", output=tmp_path / "t.parquet")
    assert "5 rows, one an epoch" in rows
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").num_rows == 5
    assert "3 rows, one a trial" in told(record, study, "csv", output=tmp_path / "t.csv")
    first = (tmp_path / "t.csv").read_text().splitlines()[:2]
    assert first[0].startswith("trial,state,value,epochs")
    assert first[1].startswith("0,complete,0.6,3")
    with pytest.raises(ArchiveError, match="already"):
        told(record, study, "csv", output=tmp_path / "t.csv")
    with pytest.raises(UserError, match="must be one of tar, parquet, csv or optuna:URL"):
        told(record, study, "xlsx")
    with pytest.raises(UserError, match="--output goes with"):
        told(record, study, f"optuna:sqlite:///{tmp_path}/x.db", output="y")


@pytest.mark.parametrize("name", ["sts", "cnn"])
def test_trials_of_our_own_spaces_have_the_ranges_that_they_were_drawn_from(name):
    task = find_task(name)
    points = []
    for number in range(20):
        drawn_here = suggest(
            number, rank_trials(history([]), lambda trial: 0.0), space=task.space,
            fixed={}, sampler="random", seed=1,
        )  # fmt: skip
        points.append((drawn_here, task.configure(drawn_here)))
    past = history(drawn(scored(*[{1: 0.1}] * 20), *(config for _, config in points)))
    made = OptunaTrials(past, ["pruned"] * 20, metric="score", space=task.space, fixed={})
    for trial, (values, config) in zip(made.trials, points, strict=True):
        named = {made.names.get(known, known): value for known, value in trial.params.items()}
        assert named == {key: config[key] for key in named}
        assert set(named) >= set(values) & set(config)
        assert {**named, **trial.user_attrs.get("fixed", {})} == config
    optuna.create_study().add_trials(made.trials)
