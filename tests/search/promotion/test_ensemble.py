"""What is said of an ensemble of a study's runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from search.files.paths import predictions_file, save_predictions
from search.promotion.ensemble import describe_ensemble, ensemble_row
from search.promotion.phases import Promotion
from search.record.record import Record, open_record
from search.tasks.config import Phase, StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion
from trainables.data import Prepared


def _study(record: Record, name: str, runs: int, phase: Phase | None = None) -> None:
    """With complete runs of one epoch whose predictions deviate from the labels, ones, by noise."""
    config = StudyConfig(
        name=name,
        task="tests.curve_task:TASK",
        dataset="ones",
        max_epochs=1,
        phase=phase,
        parent=None if phase is None else name.split(".")[0],
    )
    study = record.create(config, {"baselines": {}})
    record.append(study, session("started"))
    for number in range(runs):
        random = np.random.default_rng([number, len(name)])
        noisy = (1 + 0.3 * random.standard_normal(50)).astype(np.float32)
        drawn = suggestion(number, x=number / 10)
        record.append(study, drawn, segment(number, 1, 1), epoch(number, 1, 0.9, "complete"))
        save_predictions(noisy, predictions_file(record.study_folder(name), number))
    record.append(study, session("finished"))


def _promotion(tmp_path: Path) -> Promotion:
    record = open_record(tmp_path, create=True)
    _study(record, "s", 3)
    _study(record, "s.confirm", 4, "confirm")
    prepared = Prepared(folder=Path(), hash="")
    return Promotion(record=record, study=record.study("s"), task=TASK, prepared=prepared)


def test_it_is_of_all_complete_runs_and_better_than_each(tmp_path: Path):
    row = ensemble_row(_promotion(tmp_path))

    assert row is not None
    assert row["runs"] == 7
    assert {member.split(",")[0] for member in row["members"]} == {"s", "s.confirm"}
    assert row["minus_best_run"]["beyond_noise"]
    assert row["score"]["low"] < row["score"]["mean"] < row["seen"]
    told = describe_ensemble(row)
    assert f"{len(row['members'])} of the 7 runs" in told
    assert "not registered" in told


def test_labels_are_not_averaged(tmp_path: Path):
    promotion = _promotion(tmp_path)
    folder = promotion.record.study_folder("s")
    save_predictions(np.ones(50, dtype=np.int64), predictions_file(folder, 1))

    assert ensemble_row(dataclasses.replace(promotion)) is None
