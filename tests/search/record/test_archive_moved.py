"""A real study that is moved, and goes on, is the one that was never moved."""

from __future__ import annotations

import time

import pyarrow.parquet
import pytest
from mlflow import MlflowClient

from search.decisions.history import EpochEnd, Segment
from tests.conftest import Place
from tests.postgres import PostgresServer
from tests.search.record.moving import CURVE
from tests.waiting import wait_until

pytestmark = pytest.mark.long

TRIALS = 4
RUN = ("run", CURVE, "--name", "s", "--trials", str(TRIALS), "--workers", "1")
SLOWLY = ("--set", "epoch_s=0.15")


@pytest.fixture(scope="module")
def moved(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> tuple[Place, Place, Place]:
    """One never moved; one killed, moved to another record, stopped there, and moved back."""
    still, cluster, back = (Place(tmp_path_factory.mktemp(n)) for n in ("still", "cluster", "back"))
    home = Place(tmp_path_factory.mktemp("home"))
    cluster.env["SEARCH_RECORD"] = postgres.database()
    never_moved = still.start(*RUN, *SLOWLY)  # beside the other
    killed_after(home, 5, *RUN, *SLOWLY)
    carry(home, cluster)
    killed_after(cluster, 13, "resume", "s")
    carry(cluster, back)
    done = back.search("resume", "s")
    assert done.returncode == 0, done.stderr
    assert never_moved.wait(60) == 0, never_moved.communicate()
    return still, cluster, back


def killed_after(place: Place, epochs: int, *command: str) -> None:
    with place.start(*command) as driver:
        while driver.poll() is None:
            studies_there = place.record.studies()
            events = place.record.events(studies_there[0]) if studies_there else []
            if sum(isinstance(event, EpochEnd) for _, _, event in events) >= epochs:
                break
            time.sleep(0.05)
        assert driver.poll() is None, driver.communicate()
        driver.kill()


def carry(source: Place, target: Place) -> None:
    file = target.folder / "s.tar"
    # A dead driver's trials end with their Ray.
    wait_until(
        lambda: source.search("export", "s", "--output", str(file)).returncode == 0, seconds=20
    )
    done = target.search("import", str(file), "--trust")
    assert done.returncode == 0, done.stderr
    assert "python -m search resume s" in done.stdout


def test_a_moved_study_is_the_one_never_moved(moved):
    still, _, back = moved
    tables = [
        pyarrow.parquet.read_table(place.folder / "studies" / "s" / "trials.parquet").to_pylist()
        for place in (still, back)
    ]
    assert tables[0] == tables[1]
    assert len({row["trial"] for row in tables[0]}) == TRIALS


def test_it_went_on_from_its_checkpoints(moved):
    """No epoch of the earlier places is on record twice, or trained from the start again."""
    _, cluster, back = moved
    there, here = (place.record.events(place.record.study("s")) for place in (cluster, back))
    assert here[: len(there)] == there
    ends = [(e.trial, e.epoch) for _, _, e in here if isinstance(e, EpochEnd)]
    assert len(ends) == len(set(ends))
    starts = [e.first_epoch for _, _, e in here[len(there) :] if isinstance(e, Segment)]
    assert max(starts) > 1


def test_the_mlflow_of_its_new_place_shows_all_of_it(moved, monkeypatch):
    _, _, back = moved
    uri = f"sqlite:///{back.folder}/mlflow.db"
    assert back.record.study("s").config.tracking_uri == uri
    monkeypatch.chdir(back.folder)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("curve")
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    points = [
        (run.data.tags["trial"], point.step)
        for run in runs
        if "trial" in run.data.tags
        for point in client.get_metric_history(run.info.run_id, "score")
    ]
    events = [event for _, _, event in back.record.events(back.record.study("s"))]
    assert len(runs) == TRIALS + 1
    assert sorted(points) == sorted(
        (str(event.trial), event.epoch) for event in events if isinstance(event, EpochEnd)
    )
