"""What a study of Optuna's has tried, taken as known points; from its real storages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search.cli.main import main
from search.errors import UserError
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.known_points import read_points
from search.tracking.export import export
from search.tracking.optuna_import import import_points
from tests.curve_task import TASK
from tests.search.studies import scored, session
from tests.search.tracking.test_optuna_export import drawn

RANGES: dict[str, Any] = {"x": FloatDistribution(0, 1), "n": IntDistribution(1, 9)}


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """A study of somebody's own: the less the better, steps from 0, one that still runs."""
    address = f"sqlite:///{tmp_path}/x.db"
    study = optuna.create_study(storage=address, study_name="theirs", direction="minimize")
    nan = float("nan")
    for value, curve, state in (
        (0.5, {0: 0.9, 10: 0.5}, TrialState.COMPLETE),
        (0.2, {}, TrialState.COMPLETE),
        (float("inf"), {}, TrialState.COMPLETE),
        (0.7, {0: 0.7, 1: nan}, TrialState.PRUNED),
        (None, {}, TrialState.FAIL),
        (None, {0: 0.1}, TrialState.RUNNING),
    ):
        study.add_trial(
            create_trial(
                state=state, value=value, params={"x": 0.25, "n": 3}, distributions=RANGES,
                intermediate_values=curve, user_attrs={"fixed": {"mine": 1}},
            )
        )  # fmt: skip
    return f"optuna:{address}"


def test_a_command_writes_a_file_that_is_read_back(theirs, tmp_path, capsys):
    output = tmp_path / "p.json"
    assert main(["import", "--from", theirs, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "5 points (2 complete, 1 pruned, 2 failed); 1 that have not ended are left out" in said
    known = read_points(output)
    assert (known, 1) == import_points(theirs)
    assert (known.study, known.mode, known.metric) == ("theirs", "min", None)
    first, _, infinite, pruned, failed = known.points
    assert first.config == {"x": 0.25, "n": 3}
    assert first.curve == [(0, 0.9), (10, 0.5)]
    assert (infinite.state, infinite.value) == ("failed", None)
    assert (pruned.value, pruned.curve) == (0.7, [(0, 0.7)])
    assert failed.state == "failed"
    assert [point.value for point in known.best(5)] == [0.2, 0.5]
    assert main(["import", "--from", theirs, "--output", str(output)]) == 2
    assert "already" in capsys.readouterr().err


def test_there_and_back_a_study_of_ours_has_its_own_names_and_values(tmp_path):
    record = open_record(tmp_path, create=True)
    config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones", max_epochs=3)
    study = record.create(config, {"baselines": {}})
    points: list[dict[str, Any]] = [
        {"x": 0.3, "kind": "plain", "bump": 0.0},
        {"x": 3.0, "kind": 5, "bump": 0.5},  # of no such space
    ]
    record.append(study, *drawn(scored({1: 0.2, 3: 0.6}, {1: 0.1}), *points))
    record.append(study, session("finished", 2))
    address = export(record, study, TASK, f"optuna:journal:{tmp_path}/x.log", output=None, say=str)
    known, left_out = import_points(f"optuna:{address}", "s")
    assert left_out == 0
    assert (known.metric, known.mode) == ("score", "max")
    assert [point.config for point in known.points] == points
    assert known.points[0].curve == [(1, 0.2), (2, 0.6), (3, 0.6)]


def test_what_cannot_be_taken_is_told_in_one_line(theirs, tmp_path, capsys):
    address = theirs.removeprefix("optuna:")
    for arguments, why in (
        (["--from", theirs, "--study", "ours"], "no study 'ours'; there: theirs"),
        (["--from", "optuna:sqlite:////nowhere/x.db"], "there is no file /nowhere/x.db"),
        (["--from", "optuna:journal:/nowhere/x.log"], "there is no file /nowhere/x.log"),
        (["--from", "optuna:oracle://h/db"], "No module named"),
        (["--from", "optuna:postgresql://me:secret@h/db"], "leave it out, as postgresql://me@h"),
        (["--from", address], "points are taken from optuna:URL"),
        (["--from", theirs, "x.tar"], "either a FILE"),
        (["x.tar", "--study", "s"], "go with --from"),
        ([], "either a FILE"),
    ):
        assert main(["import", *arguments]) == 2
        said = capsys.readouterr().err
        assert why in said
        assert said.count("\n") == 1
        assert ":secret" not in said
    optuna.create_study(storage=address, study_name="two", directions=["minimize", "maximize"])
    with pytest.raises(UserError, match="has 2 objectives"):
        import_points(theirs, "two")
    with pytest.raises(UserError, match="several studies: name one by --study"):
        import_points(theirs)


def test_a_choice_that_no_file_holds_is_refused(tmp_path):
    address = f"sqlite:///{tmp_path}/x.db"
    study = optuna.create_study(storage=address, study_name="pairs")
    with pytest.warns(UserWarning, match="persistent storage"):
        ranges = {"layers": CategoricalDistribution(((8, 8), (16, 16)))}
    study.add_trial(create_trial(value=0.5, params={"layers": (8, 8)}, distributions=ranges))
    with pytest.raises(UserError, match="trial 0: a hyperparameter is text"):
        import_points(f"optuna:{address}")


def test_a_database_of_something_else_is_not_written_to(tmp_path):
    import sqlite3

    file = tmp_path / "other.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE mine (a)")
    before = file.read_bytes()
    with pytest.raises(UserError, match="holds no studies of Optuna"):
        import_points(f"optuna:sqlite:///{file}")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "known points 2"}, "format must be"),
        ({"mode": "best"}, "mode one of"),
        ({"points": [{"config": {"x": [1]}, "state": "failed"}]}, "a hyperparameter is"),
        ({"points": [{"config": {}, "state": "gone"}]}, "state must be"),
        ({"points": [{"config": {}, "state": "complete"}]}, "has a value"),
        ({"points": [{"config": {}, "state": "failed", "curve": [[1]]}]}, "no file of known"),
        ({"more": 1}, "no file of known"),
    ],
)
def test_a_file_that_is_forged_is_refused(tmp_path, change, why):
    path = tmp_path / "p.json"
    good = {"format": "known points 1", "source": "optuna:x", "study": "s", "mode": "max",
            "points": []}  # fmt: skip
    path.write_text(json.dumps(good))
    assert read_points(path).points == []
    path.write_text(json.dumps({**good, **change}))
    with pytest.raises(UserError, match=re.escape(why)):
        read_points(path)
