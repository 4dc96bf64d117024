"""A project's folder that was renamed or copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient

from search.files.moved import follow_artifacts, follow_places
from search.files.sqlite_uri import sqlite_path, sqlite_uri

NAMES = ["a b", "100%20 %d", "a#b", "what?mode=memory", 'it\'s "q"', "é №", "a;b&c=d", "a\\b"]


@pytest.mark.parametrize("name", NAMES)
def test_the_address_of_a_file_is_read_as_sqlalchemy_reads_it(name):
    import sqlalchemy as sa

    path = Path(f"/x/{name}/mlflow.db")

    written = sa.URL.create("sqlite", database=str(path)).render_as_string()
    assert sqlite_path(written) == path
    assert sa.make_url(sqlite_uri(path)).database == str(path)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_path_comes_back_from_its_address(name):
    path = Path("/x", name)

    assert sqlite_path(sqlite_uri(path)) == path


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///a?uri=true", "http://a/b"])
def test_what_is_no_file_has_no_path(uri):
    assert sqlite_path(uri) is None


def _config(project: Path) -> dict[str, object]:
    return {
        "tracking_uri": sqlite_uri(project / "mlflow.db"),
        "data_dir": str(project / "data"),
        "storage": None,
        "workers": 2,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "old?"
    (made / "studies").mkdir(parents=True)
    (made / "data").mkdir()
    (made / "mlflow.db").touch()
    return made


def test_a_renamed_or_copied_project_has_its_places_in_it(project, tmp_path):
    before, was = _config(project), str(project / "studies")
    shutil.copytree(project, tmp_path / "copy %d")
    new = project.rename(tmp_path / "new #")

    assert follow_places(before, was, new / "studies") == _config(new)
    copy = tmp_path / "copy %d"
    assert follow_places(before, was, copy / "studies") == _config(copy)


def test_what_stayed_behind_is_where_it_was(project, tmp_path):
    before, was = _config(project), str(project / "studies")
    moved = (project / "studies").rename(tmp_path / "elsewhere")

    assert follow_places(before, was, moved) == before
    assert follow_places(before, None, moved) == before
    assert follow_places({**before, "storage": "s3://b/x"}, was, moved)["storage"] == "s3://b/x"


def test_an_mlflow_store_that_moved_finds_its_files(tmp_path, monkeypatch):
    old, new = tmp_path / "old %d", tmp_path / "it's new"
    old.mkdir()
    (old / "picture.txt").write_text("seen")
    monkeypatch.chdir(old)
    client = MlflowClient(sqlite_uri(old / "mlflow.db"))
    run = client.create_run(client.create_experiment("e", str(old / "mlruns" / "1")))
    client.log_artifact(run.info.run_id, "picture.txt")
    client.create_registered_model("m")
    client.create_model_version("m", f"{run.info.artifact_uri}/model", run.info.run_id)
    monkeypatch.chdir(tmp_path)
    old.rename(new)

    follow_artifacts(new / "mlflow.db")
    follow_artifacts(new / "mlflow.db")

    client = MlflowClient(sqlite_uri(new / "mlflow.db"))
    found = client.download_artifacts(run.info.run_id, "picture.txt")
    assert Path(found).read_text() == "seen"
    source = client.get_model_version_download_uri("m", "1")
    assert source == f"{new}/mlruns/1/{run.info.run_id}/artifacts/model"
    assert not old.exists()


def test_a_store_whose_files_are_elsewhere_is_left_as_it_is(tmp_path, monkeypatch):
    """As where a command is typed in another folder than the store's."""
    typed, kept = tmp_path / "typed in", tmp_path / "kept"
    (kept / "mlruns" / "7").mkdir(parents=True)
    typed.mkdir()
    monkeypatch.chdir(typed)
    client = MlflowClient(sqlite_uri(kept / "mlflow.db"))
    experiment = client.create_experiment("e")

    follow_artifacts(kept / "mlflow.db")

    assert client.get_experiment(experiment).artifact_location == str(typed / "mlruns" / "1")
