"""What is said of an ensemble of a study's runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from search.decisions.history import Trial
from search.errors import UserError
from search.files.paths import predictions_file, save_predictions
from search.models.exporting import LostCheckpointError
from search.promotion.ensemble import (
    check_ensemble,
    describe_ensemble,
    drop_checkpoints,
    ensemble_row,
    export_ensemble,
    find_ensemble,
)
from search.promotion.exported import Exported
from search.promotion.phases import Promotion
from search.record.record import Record, Study, open_record
from search.tasks.config import Phase, StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion
from trainables.data import Prepared
from trainables.export import seal


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
    promotion = _promotion(tmp_path)
    found = find_ensemble(promotion)

    assert found is not None
    row = ensemble_row(found)
    assert row["runs"] == 7
    assert {member.split(",")[0] for member in row["members"]} == {"s", "s.confirm"}
    assert row["minus_best_run"]["beyond_noise"]
    assert row["score"]["low"] < row["score"]["mean"] < row["seen"]
    told = describe_ensemble(promotion, row)
    assert f"of {len(set(row['members']))} of the 7 runs" in told
    assert "To register it: python -m search promote s --ensemble" in told


def test_labels_are_not_averaged(tmp_path: Path):
    promotion = _promotion(tmp_path)
    folder = promotion.record.study_folder("s")
    save_predictions(np.ones(50, dtype=np.int64), predictions_file(folder, 1))

    assert find_ensemble(promotion) is None
    with pytest.raises(UserError, match="those of task curve are int64: promote without"):
        check_ensemble(promotion, promotion.record.history(promotion.study).trials[1])


def test_a_task_may_say_that_its_predictions_are_not_averaged(tmp_path: Path):
    promotion = _promotion(tmp_path)
    task = dataclasses.replace(TASK, averaged="", model="tests.coin_task")

    silent = dataclasses.replace(promotion, task=task)

    assert find_ensemble(silent) is None
    with pytest.raises(UserError, match=r"Task\.averaged"):
        check_ensemble(silent, promotion.record.history(promotion.study).trials[0])
    unable = dataclasses.replace(promotion, task=dataclasses.replace(TASK, model="tests.coin_task"))
    with pytest.raises(UserError, match=r"needs a function answer_from\(predictions\)"):
        check_ensemble(unable, promotion.record.history(promotion.study).trials[0])


def test_a_member_whose_checkpoint_is_lost_is_done_without(tmp_path: Path, monkeypatch):
    promotion = _promotion(tmp_path)
    found = find_ensemble(promotion)
    assert found is not None
    lost = found.name(found.distinct[0])

    def export_run(promotion: Promotion, study: Study, run: Trial, models: Path) -> Exported:
        if f"{study.name}, trial {run.number}" == lost:
            raise LostCheckpointError("lost")
        folder = models / f"{study.name}-{run.number}"
        folder.mkdir()
        (folder / "model.json").write_text("{}")
        return Exported(folder=folder, hash=seal(folder))

    monkeypatch.setattr("search.promotion.ensemble.export_run", export_run)
    (tmp_path / "models").mkdir()

    without, packed = export_ensemble(promotion, found, tmp_path / "models")

    assert packed is not None
    assert lost not in map(without.name, without.distinct)
    assert len(without.pool.runs) == 6
    described = json.loads((packed.folder / "model.json").read_text())
    assert [member["weight"] for member in described["members"]] == without.weights


def test_of_the_confirmation_members_alone_keep_their_checkpoints(tmp_path: Path):
    promotion = _promotion(tmp_path)
    files = promotion.record.files(promotion.record.study("s.confirm"))
    for number in range(4):
        files.save_checkpoint({"weights": 1.0}, number, 1)
    found = find_ensemble(promotion)
    assert found is not None

    drop_checkpoints(promotion, found)

    members = {found.name(member) for member in found.distinct}
    for number in range(4):
        kept = files.load_checkpoint(number, 1) is not None
        assert kept == (f"s.confirm, trial {number}" in members)
    drop_checkpoints(promotion, None)
    assert all(files.load_checkpoint(number, 1) is None for number in range(4))
