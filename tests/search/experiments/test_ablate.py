"""An ablation of a real study, begun, killed, gone on with, and read again."""

from __future__ import annotations

import json
import math
import subprocess

import pytest

from search.reports.page.render import write_report
from tests.conftest import Place
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("ablation"))
    own = {"good": {"x": 0.7, "kind": "plain"}, "bad": {"x": 0.1, "kind": "bumpy", "bump": 0.5}}
    (place.folder / "own.json").write_text(json.dumps(own))
    run = ("run", "tests.curve_task:TASK", "--points", "own.json", "--trials", "0")
    done = place.search(*run, "--name", "s", "--max-epochs", "3", "--set", "epoch_s=0.0")
    assert done.returncode == 0, done.stderr
    return place


def test_it_goes_on_where_it_was_killed_and_tells_what_matters(searched: Place) -> None:
    process = searched.start("ablate", "s", "--seeds", "3", "--quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: _complete(searched) > 1, process=process)
    process.kill()
    process.wait()
    before = _complete(searched)

    done = searched.search("ablate", "s", "--seeds", "3", "--json")

    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    effects = {each["hyperparameter"]: each for each in table["effects"]}
    # The base is the task's first point, x = .3, from which the winner differs in x alone.
    assert list(effects) == ["x"]
    right = _objective(0.7) - _objective(0.3)
    assert effects["x"]["in_winner"]["mean"] == pytest.approx(right, abs=0.01)
    assert effects["x"]["in_winner"]["beyond_noise"]
    assert {len(scores) for scores in table["scores"].values()} == {3}
    assert before <= _complete(searched) == 12
    record = searched.record
    seeds = {t.suggestion.seed for t in record.history(record.study("s-ablation")).trials}
    assert len(seeds) == 12

    again = searched.search("ablate", "s", "--seeds", "3", "--json")
    assert json.loads(again.stdout) == table
    assert "studies/s-ablation/ablation.png" in again.stderr
    assert (searched.folder / "studies/s-ablation/ablation.png").exists()
    write_report(record, "s", searched.folder / "s.html")
    assert "Which changes made the difference" in (searched.folder / "s.html").read_text()


def test_what_it_cannot_compare_is_told(searched: Place) -> None:
    for arguments, told in (
        (("--seeds", "1"), "seeds must be at least 2"),
        (("--against", "nothing"), "has no point 'nothing'; there are: start, default"),
        (("--seeds", "4"), "study s-ablation is on record with other seeds"),
    ):
        done = searched.search("ablate", "s", *arguments)
        assert done.returncode == 2
        assert told in done.stderr


def _objective(x: float) -> float:
    """Of what the task predicts after three epochs."""
    score = (1 - (x - 0.7) ** 2) * (1 - math.exp(-3))
    return 1 - (1 - score) ** 2


def _complete(place: Place) -> int:
    record = place.record
    if "s-ablation" not in record.names():
        return 0
    trials = record.history(record.study("s-ablation")).trials
    return sum(trial.epoch == 3 for trial in trials)
