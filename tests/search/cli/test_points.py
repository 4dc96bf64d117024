"""Named points alone, and a search that goes on from them."""

from __future__ import annotations

import json

from tests.conftest import Place

OWN = {"low": {"x": 0.2}, "beyond the space": {"x": 0.6, "epoch_s": 0.001}}


def test_points_are_trained_in_full_and_then_known_to_the_search(place: Place) -> None:
    (place.folder / "own.json").write_text(json.dumps(OWN))
    run = ("run", "tests.curve_task:TASK", "--points", "own.json", "--point-seeds", "2")

    done = place.search(*run, "--trials", "0", "--name", "s", "--max-epochs", "3", "--quiet")

    assert done.returncode == 0, done.stderr
    assert "low: score" in done.stdout
    assert "mean of 2 runs, trial 0 the first" in done.stdout
    history = place.record.history(place.record.studies()[0])
    assert [trial.suggestion.source for trial in history.trials] == 2 * list(OWN)
    assert [trial.epoch for trial in history.trials] == [3] * 4
    assert len({trial.suggestion.seed for trial in history.trials}) == 4

    again = place.search("resume", "s", "--trials", "6", "--quiet")

    assert again.returncode == 0, again.stderr
    history = place.record.history(place.record.studies()[0])
    assert [trial.suggestion.source for trial in history.trials[4:]] == ["tpe", "tpe"]


def test_no_trials_without_points_are_refused(place: Place) -> None:
    done = place.search("run", "tests.curve_task:TASK", "--trials", "0")
    assert (done.returncode, done.stderr) == (2, "error: trials must be at least 1, got 0\n")
