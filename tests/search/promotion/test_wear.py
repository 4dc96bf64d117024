"""How often a validation split was used to choose."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from search.promotion.phases import Promotion
from search.promotion.wear import Wear, validation_wear
from search.record.ledger import COMPARED, validation_split
from search.record.record import Record, Study, open_record
from search.tasks.config import Phase, StudyConfig
from tests.conftest import empty_mlflow
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion
from trainables.data import Prepared


@pytest.fixture
def record(tmp_path: Path) -> Record:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    return open_record(tmp_path, create=True)


def _study(
    record: Record, name: str, data: str, *, phase: Phase = "search", trained: bool = True
) -> Study:
    config = StudyConfig(
        name=name,
        task="tests.curve_task:TASK",
        dataset="ones",
        phase=phase,
        parent=None if phase == "search" else name.split(".")[0],
        tracking_uri=f"sqlite:///{record.folder}/mlflow.db",
    )
    study = record.create(config, {"baselines": {}, "data": data})
    record.append(study, session("started"), suggestion(0, x=0.1), segment(0, 1, 1))
    if trained:
        record.append(study, epoch(0, 1, 0.5))
    return study


def _promotion(record: Record, name: str) -> Promotion:
    prepared = Prepared(folder=Path(), hash="ours")
    return Promotion(record=record, study=record.study(name), task=TASK, prepared=prepared)


def test_studies_of_the_same_data_are_counted_once_each(record: Record):
    _study(record, "a", "ours")
    _study(record, "a.confirm", "ours", phase="confirm")
    _study(record, "b", "ours")
    _study(record, "begun", "ours", trained=False)
    _study(record, "c", "another")

    assert validation_wear(_promotion(record, "a")) == Wear(2)


def test_a_deleted_study_has_chosen_all_the_same(record: Record):
    _study(record, "a", "ours")
    for name, data in (("b", "ours"), ("c", "another")):
        record.delete(_study(record, name, data))
    record.delete(_study(record, "begun", "ours", trained=False))

    assert validation_wear(_promotion(record, "a")) == Wear(2, elsewhere=1)
    assert record.ledger.count(validation_split("ones", "ours")) == 1


def test_models_that_were_compared_are_counted_wherever_they_come_from(record: Record):
    study = _study(record, "a", "ours")
    split = validation_split("ones", "ours")
    for model in ("m1", "m2", "m1"):
        record.ledger.note(model, split, study=study.ledger_name, purpose=COMPARED)
    client = mlflow.MlflowClient(study.config.tracking_uri)
    client.create_registered_model("curve")
    tags = {"data": "ours", "dataset": "ones", "split": "validation", "study": "far 1.000"}
    for model, data in (("m2", "ours"), ("m3", "ours"), ("m4", "another")):
        found = {**tags, "data": data, "model": model}
        client.create_model_version("curve", str(record.folder), tags=found)

    wear = validation_wear(_promotion(record, "a"))

    assert wear == Wear(2, elsewhere=1, compared=3)
    assert "2 studies have chosen by it (1 of them deleted or on another record)" in str(wear)
    assert "3 models were compared by it" in str(wear)


def test_each_further_study_makes_a_false_champion_likelier():
    assert Wear(1).chance == 0
    assert Wear(2).chance == pytest.approx(0.025)
    assert not Wear(5).worn
    assert Wear(6).worn
    assert Wear(2, compared=6).worn
    assert "no other study" in str(Wear(1))
    assert "it is worn" in str(Wear(41))
    assert "64%" in str(Wear(41))
