"""Which names a new study may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import RecordError, UserError
from search.record.record import open_record
from search.record.study_names import check_name
from search.tasks.config import StudyConfig

PLAIN = {"task": "tests.curve_task:TASK", "dataset": "ones"}


def _check(folder: Path, name: str, *others: str, **options) -> None:
    check_name(StudyConfig(name=name, **PLAIN, **options), folder, others)


@pytest.mark.parametrize("name", ["s", "x" * 100, "trials.parquet", "a.b-c_d", "CON", "record"])
def test_a_plain_name_is_free(tmp_path, name):
    _check(tmp_path, name, "other")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../s", "a/b", "-s", "a b", "a\n", "a\0", "é", "a%", "~", "x" * 101]
)
def test_what_leads_elsewhere_or_cannot_be_pasted_is_refused(name):
    with pytest.raises(UserError, match="a study's name is letters, digits"):
        StudyConfig(name=name, **PLAIN)


@pytest.mark.parametrize("name", ["record.db", "record.db-wal", "Record.DB"])
def test_names_of_our_files_are_refused(tmp_path, name):
    with pytest.raises(RecordError, match=r"does not begin with record\.db"):
        _check(tmp_path, name)


@pytest.mark.parametrize("name", ["s.confirm", "s.final"])
def test_names_of_a_promotion_s_parts_are_a_promotion_s(tmp_path, name):
    with pytest.raises(RecordError, match=r"does not end in \.confirm or \.final"):
        _check(tmp_path, name, "s")
    _check(tmp_path, name, "s", parent="s", phase="confirm")


def test_names_that_differ_by_case_only_are_one(tmp_path):
    with pytest.raises(RecordError, match="a study named 'Mine' exists, and where files' names"):
        _check(tmp_path, "mine", "Mine")


def test_a_folder_of_something_else_is_never_a_study_s(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "driver.lock").touch()
    _check(tmp_path, "begun")
    _check(tmp_path, "data")
    (tmp_path / "data" / "train.csv").touch()

    for name in ("data", "notes"):
        with pytest.raises(RecordError, match=f"{name} is in the way, though no study"):
            _check(tmp_path, name)


def test_a_study_moves_with_its_project(tmp_path):
    """Its places, as it is read where its record is now."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "data").mkdir(parents=True)
    (old / "mlflow.db").touch()
    config = StudyConfig(
        name="s", **PLAIN, data_dir=str(old / "data"), tracking_uri=f"sqlite:///{old}/mlflow.db"
    )
    before = open_record(old / "studies", create=True).create(config, {"baselines": {}})
    old.rename(new)
    record = open_record(new / "studies")
    found = record.study("s")

    assert found.config.data_dir == str(new / "data")
    assert found.config.tracking_uri == f"sqlite:///{new}/mlflow.db"
    assert (found.origin, found.created_at) == (before.origin, before.created_at)
    record.update_config(found)
    assert record.study("s") == found
