"""How often a validation split was used to choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.promotion.phases import Promotion
from search.promotion.wear import Wear, validation_wear
from search.record.record import Record, open_record
from search.tasks.config import Phase, StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion
from trainables.data import Prepared


def _study(
    record: Record, name: str, data: str, *, phase: Phase | None = None, trained: bool = True
) -> None:
    parent = None if phase is None else name.split(".")[0]
    config = StudyConfig(
        name=name, task="tests.curve_task:TASK", dataset="ones", phase=phase, parent=parent
    )
    study = record.create(config, {"baselines": {}, "data": data})
    record.append(study, session("started"), suggestion(0, x=0.1), segment(0, 1, 1))
    if trained:
        record.append(study, epoch(0, 1, 0.5))


def test_studies_of_the_same_data_are_counted_once_each(tmp_path: Path):
    record = open_record(tmp_path, create=True)
    _study(record, "a", "ours")
    _study(record, "a.confirm", "ours", phase="confirm")
    _study(record, "b", "ours")
    _study(record, "begun", "ours", trained=False)
    _study(record, "c", "another")
    prepared = Prepared(folder=Path(), hash="ours")
    promotion = Promotion(record=record, study=record.study("a"), task=TASK, prepared=prepared)

    assert validation_wear(promotion) == Wear(2)


def test_each_further_study_makes_a_false_champion_likelier():
    assert Wear(1).chance == 0
    assert Wear(2).chance == pytest.approx(0.025)
    assert not Wear(5).worn
    assert Wear(6).worn
    assert "no other study" in str(Wear(1))
    assert "it is worn" in str(Wear(41))
    assert "64%" in str(Wear(41))
