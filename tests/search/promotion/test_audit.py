"""Stopped trials that a promotion trains to the end, and what is said of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search.decisions.audit import audited_trial
from search.decisions.history import Trial
from search.driver.unrecorded import Unrecorded
from search.files.paths import predictions_file, save_predictions
from search.promotion.audit import audit_row, audit_runs, describe_audit, hand_over_checkpoints
from search.promotion.confirm import still_to_run
from search.promotion.phases import Promotion
from search.record.record import Study, open_record
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, failure, scored, segment, session
from trainables.data import Prepared

BEST = 0.9
CONFIG: dict[str, Any] = {"task": "tests.curve_task:TASK", "dataset": "ones", "max_epochs": 3}


def _promotion(tmp_path: Path, *trials: dict[int, float], audit: int = 3) -> Promotion:
    """Of a study whose trial 2 is complete, and best; the other further ones were stopped."""
    record = open_record(tmp_path, create=True)
    study = record.create(StudyConfig(name="s", **CONFIG), {"baselines": {}})
    events = scored({3: 0.5}, {3: 0.6}, {3: BEST}, *trials)
    record.append(study, *events, session("finished"))
    _predict(study, 2, BEST, record.study_folder("s"))
    prepared = Prepared(folder=Path(), hash="")
    return Promotion(record=record, study=study, task=TASK, prepared=prepared, audit=audit)


def _predict(study: Study, number: int, score: float, folder: Path) -> None:
    off = math.sqrt(1 - score)
    near = np.linspace(0.9, 1.1, 50, dtype=np.float32)
    save_predictions(1 + off * near, predictions_file(folder, number))


def _audit(promotion: Promotion, scores: dict[int, float | None]) -> dict[str, Any]:
    """The final phase with the audit's runs, which come to these scores; None: failed."""
    record = promotion.record
    config = StudyConfig(name="s.final", phase="final", parent="s", **CONFIG)
    phase = record.create(config, {"baselines": {}})
    record.append(phase, session("started"))
    for run in still_to_run(record.history(phase), audit_runs(promotion)):
        score = scores[audited_trial(run)]  # type: ignore[index]
        record.append(phase, run, segment(run.trial, 1, 3))
        if score is None:
            record.append(phase, failure(run.trial, 1))
            continue
        for number in (1, 2, 3):
            record.append(phase, epoch(run.trial, number, score))
        _predict(phase, run.trial, score, record.study_folder("s.final"))
    return audit_row(promotion, _best(promotion))


def _best(promotion: Promotion) -> Trial:
    return promotion.record.history(promotion.study).trials[2]


def test_what_the_audited_came_to_is_told_beside_the_best(tmp_path: Path):
    promotion = _promotion(tmp_path, {1: 0.1}, {1: 0.2})

    row = _audit(promotion, {3: 0.7, 4: None})

    assert row["stopped"] == 2
    by_trial = {each["trial"]: each for each in row["audited"]}
    assert by_trial[3]["minus_best"] == pytest.approx(-0.2)
    assert by_trial[3]["minus_best_by_examples"]["high"] < 0
    assert (by_trial[4]["failed"], by_trial[4]["value"]) == (True, None)
    assert row["better"] == []
    assert row["share_better"]["low"] == row["share_better"]["high"] == 0
    told = "\n".join(describe_audit(row, _best(promotion)))
    assert "audit: 2 of 2 trials" in told
    assert "trial 4, stopped at epoch 1: it failed" in told
    assert "FOUND" not in told


def test_a_find_is_said_aloud(tmp_path: Path):
    promotion = _promotion(tmp_path, {1: 0.1})

    row = _audit(promotion, {3: 0.95})

    assert row["better"] == [3]
    assert row["share_better"]["mean"] == 1
    assert any(
        line.startswith("FOUND: stopped trial 3") for line in describe_audit(row, _best(promotion))
    )


def test_where_nothing_was_stopped_or_asked_for_it_says_so(tmp_path: Path):
    nothing = _promotion(tmp_path / "a")
    [line] = describe_audit(_audit(nothing, {}), _best(nothing))
    assert "no trial was stopped" in line

    unasked = _promotion(tmp_path / "b", {1: 0.1}, audit=0)
    assert describe_audit(_audit(unasked, {}), _best(unasked)) == [
        "what stopping has cost was not audited"
    ]


def test_it_goes_on_from_the_checkpoint_that_the_trial_left(tmp_path: Path):
    promotion = _promotion(tmp_path, {1: 0.1}, {1: 0.2})
    record = promotion.record
    record.files(promotion.study).save_checkpoint({"weights": torch.ones(2)}, 4, 1)
    phase = record.create(
        StudyConfig(name="s.final", phase="final", parent="s", **CONFIG), {"baselines": {}}
    )
    missing = still_to_run(record.history(phase), audit_runs(promotion))

    hand_over_checkpoints(promotion, phase, missing)

    for run in missing:
        segment = {"trial": run.trial, "seed": run.seed, "config": dict(run.config)}
        begun = Unrecorded({**segment, "first_epoch": 1, "last_epoch": 3, "max_epochs": 3})
        found = begun.load(record.files(phase))
        if audited_trial(run) == 3:
            assert found is None
        else:
            assert found is not None
            assert found[0] == 1
            [told] = begun.to_tell
            assert told["metrics"] == {"score": 0.2, "loss": 0.8}
