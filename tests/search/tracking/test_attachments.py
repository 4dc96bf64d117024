"""What a study's run in MLflow holds to look at."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from mlflow import MlflowClient

from search.driver.finish import finish
from search.record.record import Record, open_record
from search.reports.page.facts import gather
from search.reports.pictures import write_pictures
from search.tasks.registry import find_task
from search.tracking.delivery import sync
from search.tracking.projection import Projection
from tests.conftest import Place, empty_mlflow
from tests.search.reports.page.simulated import CURVE, simulated
from tests.waiting import wait_until

FILES = ["best_so_far.png", "curves.png", "report.html", "trials.parquet"]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    return open_record(tmp_path / "studies", create=True)


def _uri(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def _held(uri: str) -> list[str]:
    client = MlflowClient(uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    [run] = [r for r in client.search_runs(ids) if "mlflow.parentRunId" not in r.data.tags]
    return sorted(file.path for file in client.list_artifacts(run.info.run_id))


def test_the_run_holds_page_table_and_pictures_once(record: Record, tmp_path: Path) -> None:
    study = simulated(record, trials=6, tracking_uri=_uri(tmp_path))
    task = find_task(CURVE)
    finish(record, study, task)

    sync(record, study, task)

    assert _held(_uri(tmp_path)) == FILES
    again = Projection(record, study, task)
    assert not again.attach()
    assert again.attach(anew=True)


def test_pictures_are_png_files_and_names_no_formulas(record: Record, tmp_path: Path) -> None:
    study = simulated(record, "other", trials=12)
    facts = gather(record, study, find_task(CURVE))

    paths = write_pictures(facts, tmp_path)

    assert [path.name for path in paths] == ["best_so_far.png", "curves.png"]
    for path in paths:
        assert struct.unpack(">II", path.read_bytes()[16:24]) == (960, 540)


def test_the_page_comes_by_itself_after_a_study_s_end(place: Place) -> None:
    done = place.search("run", CURVE, "--trials", "3", "--name", "quick", "--quiet")
    assert done.returncode == 0, done.stderr

    uri = _uri(place.folder)
    wait_until(lambda: "report.html" in _held(uri), "the page is in MLflow")
    assert not (place.folder / "studies" / "quick" / "report.html").exists()
