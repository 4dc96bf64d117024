"""Whether a machine can train, without a cluster; with one: test_on_cluster.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.driver.begin import prepare
from search.machines import node_check
from search.tasks.config import StudyConfig
from tests.curve_task import TASK

CONFIG = StudyConfig(name="n", task="tests.curve_task:TASK", dataset="ones")


@pytest.mark.parametrize("storage", [False, True])
def test_a_node_with_the_drivers_code_and_files_is_fit(storage, tmp_path):
    expected = _expected(tmp_path, storage)

    assert node_check.examine(expected) is None
    assert _expected(tmp_path, storage) == expected, "another study would fail this one's nodes"


@pytest.mark.parametrize("storage", [False, True])
def test_a_node_that_sees_another_folder_of_the_same_name_is_not(storage, tmp_path):
    expected = {**_expected(tmp_path, storage), "probe": "written elsewhere"}

    assert "another file system of the same name" in str(node_check.examine(expected))


def test_a_node_with_another_release_of_ray_is_not(tmp_path):
    expected = _expected(tmp_path, storage=False)
    versions = {**expected["origin"]["versions"], "ray": "2.52.0"}
    expected["origin"] = {**expected["origin"], "versions": versions}

    assert "ray 2.52.0 → " in str(node_check.examine(expected))


def test_a_node_that_joins_and_does_not_fit_says_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(node_check, "RETRY_S", 0.0)
    expected = {**_expected(tmp_path, storage=False), "studies_folder": "/nowhere"}

    with pytest.raises(ValueError, match=f"{node_check.UNFIT} .* cannot run trials: /nowhere"):
        node_check.ensure_fit(node_check.json.dumps(expected))


def test_a_node_that_joins_without_the_task_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(node_check, "RETRY_S", 0.0)
    expected = {**_expected(tmp_path, storage=False), "task": "not_on_this_node:TASK"}

    with pytest.raises(
        ValueError, match=f"{node_check.UNFIT} .* cannot run trials: .*not_on_this_node"
    ):
        node_check.ensure_fit(node_check.json.dumps(expected))


def _expected(folder: Path, storage: bool) -> dict:
    shared = folder / "shared"
    shared.mkdir(exist_ok=True)
    config = CONFIG if not storage else StudyConfig(**{**CONFIG.as_dict(), "storage": str(shared)})
    return node_check.expectation(TASK, config, prepare(TASK, config), folder / "studies")
