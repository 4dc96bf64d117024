"""What is known of a study, from its record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from search.errors import RecordError
from search.files import paths
from search.record.record import Record, Study, open_record
from search.reports import summary
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, failure, history, scored, segment, session, suggestion


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def _study(record: Record, *events, name: str = "s", **options) -> Study:
    config = {"task": "tests.curve_task:TASK", "dataset": "ones", "max_epochs": 3, **options}
    study = record.create(StudyConfig(name=name, **config), {"baselines": {"zero": 0.1}})
    record.append(study, *events)
    return study


def _best(*trials, mode: str = "max") -> int | None:
    config = StudyConfig(name="s", task="t", dataset="d", max_epochs=3)
    study = Study(id=1, name="s", created_at=0.0, config=config, origin={})
    best = summary.best_trial(history(scored(*trials)), study, dataclasses.replace(TASK, mode=mode))
    return None if best is None else best.number


# Who is best


def test_the_best_is_the_best_complete_trial():
    assert _best({3: 0.5}, {3: 0.7}, {3: 0.6}) == 1
    assert _best({3: 0.5}, {3: 0.3}, {3: 0.6}, mode="min") == 1


def test_a_paused_trial_is_never_best():
    assert _best({3: 0.5}, {1: 0.9}) == 0
    assert _best({1: 0.9}) is None


def test_of_equals_the_lower_number_is_best():
    assert _best({3: 0.5}, {3: 0.5}) == 0
    assert _best({3: 0.5}, {3: 0.5}, mode="min") == 0


def test_a_trial_s_value_is_that_of_its_last_epoch_not_of_its_best():
    assert _best({1: 0.9, 3: 0.4}, {3: 0.5}) == 1


def test_a_failed_trial_is_never_best(record):
    study = _study(record, *scored({3: 0.5}, {1: 0.9}), segment(1, 2, 3), failure(1, 2))

    assert summary.summarise(record, study, TASK)["best"]["trial"] == 0


# States and counts


@pytest.mark.parametrize(
    ("events", "driven", "state"),
    [
        ([], False, "interrupted"),
        ([], True, "running"),
        ([session("started")], True, "running"),
        ([session("started")], False, "interrupted"),  # its driver died
        ([session("started"), session("finished")], False, "finished"),
        ([session("started"), session("stopped")], False, "stopped"),
        ([session("started"), session("interrupted")], False, "interrupted"),
        ([session("started"), session("finished"), session("started")], True, "running"),
        ([session("started"), session("finished"), session("started")], False, "interrupted"),
    ],
)
def test_the_state_of_a_study(record, events, driven, state):
    study = _study(record, *events)
    if driven:
        with record.driver_lock("s"):
            assert summary.summarise(record, study, TASK)["state"] == state
    else:
        assert summary.summarise(record, study, TASK)["state"] == state


def test_trials_by_state(record):
    study = _study(
        record,
        *scored({3: 0.5}, {3: 0.6}, {1: 0.3}),
        *[suggestion(3), segment(3, 1, 1), failure(3, 1)],
        *[suggestion(4), segment(4, 1, 3), epoch(4, 1, 0.5)],
    )

    def counts() -> dict[str, int]:
        return summary.summarise(record, study, TASK)["trials"]

    none = {"complete": 0, "pruned": 0, "failed": 0, "running": 0, "paused": 0}
    known = {**none, "total": 5, "complete": 2, "failed": 1}
    with record.driver_lock("s"):
        assert counts() == {**known, "paused": 1, "running": 1}
    assert counts() == {**known, "paused": 2}  # nothing runs without a driver
    record.append(study, session("finished", 5))
    assert counts() == {**known, "pruned": 2}


def test_times_are_added_over_sessions(record, monkeypatch):
    clock = iter(float(second) for second in range(1000, 2000))
    monkeypatch.setattr(record, "now", lambda: next(clock))
    study = _study(
        record,  # the study itself is created at 1000
        session("started"),  # 1001
        *[suggestion(0), segment(0, 1, 3), epoch(0, 1, 0.5)],  # 1002, 1003, 1004
        session("started"),  # 1005: the first driver was killed, last heard of at 1004
        *[segment(0, 2, 3), epoch(0, 2, 0.5), epoch(0, 3, 0.5)],  # 1006, 1007, 1008
        session("finished"),  # 1009
        workers=2,
    )

    found = summary.summarise(record, study, TASK)

    assert found["wall_s"] == 3 + 4
    assert found["train_s"] == 3 * 0.5
    assert found["utilisation"] == pytest.approx(1.5 / ((1 + 2) * 2))


def test_a_study_of_nothing_has_a_summary(record):
    study = _study(record)

    found = summary.summarise(record, study, TASK)

    assert found["best"] is None
    assert found["utilisation"] is None
    assert found["trials"]["total"] == 0
    assert found["baselines"] == {"zero": {"value": 0.1}}
    assert "no trial is complete yet" in summary.describe(found)


def test_baselines_are_the_named_points_and_what_needs_no_training(record):
    study = _study(record, *scored({3: 0.5}, {3: 0.7}, source="start"), trials=2)
    folder = record.study_folder("s")
    labels = np.ones(50, dtype=np.float32)
    paths.save_predictions(labels, paths.labels_file(folder))
    paths.save_predictions(labels * 0, paths.baseline_file(folder, "zero"))
    paths.save_predictions(labels * 0.9, paths.predictions_file(folder, 1))

    found = summary.summarise(record, study, TASK)
    text = summary.describe(found)

    # Two runs of the same point, as by --point-seeds 2.
    assert found["baselines"]["start"] == {"trial": 0, "value": pytest.approx(0.6), "runs": 2}
    assert "start: score 0.6000 (mean of 2 runs, trial 0 the first)" in text
    paired = found["baselines"]["zero"]["best_minus_this"]
    assert paired["difference"] == pytest.approx(0.99)
    assert paired["beyond_example_noise"]
    assert "best: trial 1, score 0.7000" in text
    assert "zero: score 0.1000; the best is +0.9900 [+0.9900, +0.9900] from it, beyond" in text
    # What the other complete trial has predicted is not here.
    luck = "not corrected for the luck of its one seed"
    assert f"({luck}, the choice among 2 complete trials)" in text
    assert "trials: 2 (2 complete)" in text


def test_the_first_claim_is_corrected_for_the_choice_it_rests_on(record):
    study = _study(record, *scored(*({3: 0.7} for _ in range(40))), trials=40)
    folder = record.study_folder("s")
    random = np.random.default_rng(1)
    paths.save_predictions(np.zeros(200), paths.labels_file(folder))
    paths.save_predictions(random.standard_normal(200), paths.baseline_file(folder, "zero"))
    for trial in range(40):
        paths.save_predictions(random.standard_normal(200), paths.predictions_file(folder, trial))

    found = summary.summarise(record, study, TASK)
    claim = found["baselines"]["zero"]["best_minus_this"]

    assert (claim["chosen_among"], claim["corrected"]) == (40, True)
    assert not claim["beyond_example_noise"]
    text = summary.describe(found)
    assert (
        "within the noise of examples (corrected for the choice among 40 complete trials;" in text
    )


def test_a_trial_that_is_not_there_is_said(record):
    study = _study(record, *scored({3: 0.5}))

    with pytest.raises(RecordError, match="trials 0 to 0, got 1"):
        summary.show_trial(record, study, 1)
    empty = _study(record, name="empty")
    with pytest.raises(RecordError, match="study empty has no trials yet"):
        summary.show_trial(record, empty, 0)
