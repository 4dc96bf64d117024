"""The public calls that are no study's own, as a notebook makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

import search
from tests.conftest import Place, empty_mlflow
from tests.search.cli.finished import CURVE, finished_study


def test_a_study_is_exported_imported_and_known_to_others(place: Place, tmp_path: Path) -> None:
    uri = f"sqlite:///{place.folder}/mlflow.db"
    finished_study(place)
    study = search.load("old", studies_dir=place.folder / "studies")
    lines: list[str] = []

    tar = study.export(output=tmp_path / "old.tar", say=lines.append)
    there = tmp_path / "there"
    with pytest.raises(search.UserError, match="runs module tests"):
        search.import_study(tar, studies_dir=there)
    moved = search.import_study(
        tar, trust=True, workers=3, tracking_uri=uri, studies_dir=there, say=lines.append
    )
    assert (moved.name, moved.state, moved.config.workers) == ("old", "finished", 3)
    assert "study old is on record here, 4 trials" in lines[-1]

    with pytest.raises(search.UserError, match="study old is not in MLflow"):
        moved.pages()
    assert moved.sync(say=lines.append).pages().study.startswith("/#/experiments/")

    address = moved.export(f"optuna:journal:{tmp_path}/x.log", say=lines.append)
    known = search.known_points(f"optuna:{address}", "old")
    assert [point.value for point in known.best(5)] == [0.6, 0.5]
    with pytest.raises(search.UserError, match="there is no file"):
        search.known_points(tmp_path / "none.json")


@pytest.mark.long
def test_a_machine_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    found = search.doctor(studies_dir=tmp_path / "studies", tracking_uri=uri).set_index("subject")
    assert list(found.columns) == ["light", "found", "fix"]
    assert found.light["Python"] == "green"


def test_without_a_model_there_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    with pytest.raises(search.UserError, match="curve"):
        search.predict(CURVE, [1.0], tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")


def test_a_registered_model_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    from tests.benchmarks.predict import register
    from trainables.sts import data

    monkeypatch.chdir(tmp_path)  # where the model is written
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    # MLflow keeps a store by its address, for whatever folder a relative one was first used in.
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    register(uri, data.load(data.prepare("toy", None).folder))
    MlflowClient(uri).set_registered_model_alias("sts", "champion", "1")
    inputs = [("A man plays.", "Someone is playing."), ("a", "b")]
    answers = search.predict("sts", inputs, tracking_uri=uri)
    assert len(answers) == 2
