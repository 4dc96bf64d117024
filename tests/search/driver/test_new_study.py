"""What a new study is called and where its places are."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from search.driver.new_study import new_study
from search.errors import RecordError, UserError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "it's 100% mine?"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.chdir(made)
    return made


def _new(project: Path, **options):
    options = {"workers": 1, "trials": 2, **options}
    return new_study("tests.curve_task:TASK", studies_dir=project / "studies", **options)


def test_studies_begun_in_the_same_second_have_names_of_their_own(project, monkeypatch):
    now = time.localtime(1e9)
    strftime = time.strftime
    monkeypatch.setattr(time, "strftime", lambda form, *at: strftime(form, *(at or (now,))))

    names = [_new(project).study.name for _ in range(3)]

    assert len(set(names)) == 3
    assert names[1:] == [f"{names[0]}-2", f"{names[0]}-3"]
    with pytest.raises(RecordError, match="exists in"):
        _new(project, name=names[0])


def test_nothing_is_chosen_by_examples_that_are_trained_on(project):
    with pytest.raises(UserError, match="nothing can be chosen on cifar10-full"):
        new_study("cnn", studies_dir=project / "studies", dataset="cifar10-full")


def test_a_tilde_in_python_is_the_home_folder(project):
    (project / "shared").mkdir()

    study = _new(project, name="s", storage="~/shared", tracking_uri="sqlite:///~/ml.db").study

    assert study.config.storage == str(project / "shared")
    there = str(project).replace("?", "%3F")
    assert study.config.tracking_uri == f"sqlite:///{there}/ml.db"
