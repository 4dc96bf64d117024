"""A study's files with a storage: several nodes, played by one process with a cache for each."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.driver.trial import SegmentTrainable
from search.errors import StorageError
from search.files import paths
from search.files.storage import MANIFEST, Store
from search.files.study_files import StudyFiles
from tests import curve_task
from tests.s3 import Endpoint
from trainables import checkpoint

NAME = "study-1"
Segment = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def here(store: Store, tmp_path: Path) -> StudyFiles:
    """The driver's view."""
    return StudyFiles(tmp_path / "studies" / "study", store.uri, NAME)


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    """Run a segment on a node, in a new worker: the results of its steps."""
    handler = signal.getsignal(signal.SIGTERM)
    curve: list[dict[str, float]] = []

    def segment(node: str, first: int, last: int, steps: int = 9) -> list[dict[str, Any]]:
        monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / node))
        worker = SegmentTrainable(
            {
                "task": "tests.curve_task:TASK",
                "max_epochs": 4,
                "threads": 1,
                "gpus": 0.0,
                "node": "",
                "working_folder": "/nowhere/that/nodes/reach",
                "study_folder": "/nowhere/that/nodes/reach",
                "study_key": NAME,
                "storage": store.uri,
                "data_folder": ".",
                "data_key": "",
                "trial": 0,
                "config": curve_task.TASK.configure({}),
                "seed": 7,
                "first_epoch": first,
                "last_epoch": last,
                "start_s": 60.0,
                "timeout_s": 60.0,
                "curve": json.dumps(curve[: first - 1]),
            }
        )
        results: list[dict[str, Any]] = []
        while len(results) < steps and not (results and results[-1]["done"]):
            results.append(worker.step())
        curve[first - 1 :] = [r["metrics"] for r in results if r.get("epoch", 0) >= first]
        return results

    yield segment
    signal.signal(signal.SIGTERM, handler)


def _alone() -> list[dict[str, float]]:
    """The metrics of the training function itself."""
    train = curve_task.train(
        curve_task.Config(), np.ones(50, dtype=np.float32), seed=7, max_epochs=4
    )
    return [dict(epoch.metrics) for epoch in train]


def _checkpoints(store: Store) -> list[str]:
    return [Path(key).name for key in store.keys(f"studies/{NAME}/checkpoints/trial-0")]


def _object(store: Store, key: str) -> str:
    return store._path(f"studies/{NAME}/{key}")


def _scratch(tmp_path: Path, node: str) -> list[str]:
    found = (tmp_path / node / "scratch").rglob("*")
    return sorted(path.name for path in found if path.is_file())


def test_a_trial_goes_on_on_another_node_bit_for_bit(run, store, here, tmp_path):
    metrics = [
        result["metrics"]
        for node, part in zip("ABA", ((1, 1), (2, 3), (4, 4)), strict=True)
        for result in run(node, *part)
    ]

    assert metrics == _alone()
    assert _checkpoints(store) == ["epoch-000003.pt", "epoch-000004.pt"]
    assert here.predictions(0) == pytest.approx(np.full(50, metrics[-1]["score"]), rel=1e-6)
    assert here.log(0) == "epoch 1\nepoch 2\nepoch 3\nepoch 4\n"
    loaded = here.load_checkpoint(0, 4)
    assert loaded is not None
    assert loaded[0] == loaded[1]["epoch"] == 4


def test_a_node_keeps_nothing_of_a_segment_that_has_ended(run, tmp_path):
    run("A", 1, 2)

    assert _scratch(tmp_path, "A") == []


def test_a_worker_that_died_is_followed_on_its_node_by_what_it_left(run, store, tmp_path):
    run("A", 1, 4, steps=2)
    assert _scratch(tmp_path, "A") == ["epoch-000001.pt", "epoch-000002.pt", "trial-0.log"]
    store.delete(f"studies/{NAME}/checkpoints")

    assert [result["epoch"] for result in run("A", 3, 4)] == [3, 4]


def test_a_scratch_folder_that_is_lost_is_made_up_for_from_the_storage(run, tmp_path):
    run("A", 1, 4, steps=2)
    shutil.rmtree(tmp_path / "A")

    results = run("A", 3, 4)

    assert [result["epoch"] for result in results] == [3, 4]
    assert [result["metrics"] for result in results] == _alone()[2:]


@pytest.mark.parametrize("which", ["epoch-000002.pt", "epoch-000002.pt" + MANIFEST])
@pytest.mark.parametrize("content", [None, b"other"])
def test_a_torn_or_altered_checkpoint_is_passed_over_for_the_one_before(run, store, which, content):
    run("A", 1, 2)
    path = _object(store, f"checkpoints/trial-0/{which}")
    if content is None:
        store._files.delete_file(path)
    else:
        with store._files.open_output_stream(path) as file:
            file.write(content)

    results = run("B", 3, 4)

    assert [result["epoch"] for result in results] == [2, 3, 4]
    assert [result["metrics"] for result in results] == _alone()[1:]


def test_where_all_are_lost_the_trial_is_replayed(run, store):
    run("A", 1, 2)
    store.delete(f"studies/{NAME}/checkpoints")

    assert [result["metrics"] for result in run("B", 3, 4)] == _alone()


def test_a_checkpoint_newer_than_the_record_is_not_taken(run):
    run("A", 1, 3)

    assert [result["epoch"] for result in run("B", 3, 4)] == [3, 4]


def test_superfluous_checkpoints_go_here_and_there(run, store, here):
    run("A", 1, 1)
    here.load_checkpoint(0, 1)
    kept = paths.checkpoint_folder(here.folder, 10)
    checkpoint.save({"epoch": 1}, kept, 1)
    here.upload(kept / "epoch-000001.pt")

    here.delete_checkpoints({0, 1, 7})

    assert [path.name for path in (here.folder / "checkpoints").iterdir()] == ["trial-10"]
    assert store.keys() == [
        f"studies/{NAME}/checkpoints/trial-10/epoch-000001.pt",
        f"studies/{NAME}/logs/trial-0.log",
    ]


def test_without_a_storage_superfluous_checkpoints_go_too(tmp_path):
    for number in range(3):
        (tmp_path / "checkpoints" / f"trial-{number}").mkdir(parents=True)

    StudyFiles(tmp_path, None, NAME).delete_checkpoints({0, 2, 7})

    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["trial-1"]


def test_pictures_are_fetched(store, here, tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "node"))
    node = StudyFiles.on_node(here.folder, store.uri, NAME)
    path = paths.figures_folder(node.folder, 3) / "curve.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"drawn")
    node.upload(path)

    assert [picture.read_bytes() for picture in here.pictures(3)] == [b"drawn"]
    assert here.pictures(4) == []


def test_a_preemption_reaches_the_driver_once(run, here, monkeypatch):
    codes: list[int] = []

    def preempted(*arguments: Any, **options: Any) -> Iterator[Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield from curve_task.train(*arguments, **options)

    task = dataclasses.replace(curve_task.TASK, train=preempted)
    with monkeypatch.context() as patch:
        patch.setattr(curve_task, "TASK", task)
        # Else the test would go with it.
        patch.setattr(os, "_exit", codes.append)
        run("A", 1, 1)

    assert codes == [128 + signal.SIGTERM]
    assert here.take_preemption_mark(0)
    assert not here.take_preemption_mark(0)


def test_a_mark_that_nobody_took_is_gone_with_the_next_segment(run, here, store):
    store.put_bytes(f"studies/{NAME}/logs/trial-0.preempted", b"")
    run("B", 1, 1)

    assert not here.take_preemption_mark(0)


def test_a_storage_that_is_lost_ends_the_study_and_not_the_trial(run, store, monkeypatch):
    def gone(*arguments: Any) -> None:
        raise StorageError("storage x: its endpoint does not answer")

    monkeypatch.setattr("search.files.study_files.PATIENCE_S", 0.1)
    monkeypatch.setattr("search.files.study_files.RETRY_S", 0.02)
    monkeypatch.setattr(Store, "put", gone)

    assert run("A", 1, 4) == [{"halt": "storage x: its endpoint does not answer", "done": True}]


def test_a_storage_that_comes_back_costs_no_epoch(run, monkeypatch):
    put, answers = Store.put, iter([False, False, True, False, True, True, True, True, True])

    def hesitant(self: Store, *arguments: Any) -> None:
        if not next(answers, True):
            raise StorageError("storage x: its endpoint does not answer")
        put(self, *arguments)

    monkeypatch.setattr("search.files.study_files.RETRY_S", 0.02)
    monkeypatch.setattr(Store, "put", hesitant)

    assert [result["epoch"] for result in run("A", 1, 4)] == [1, 2, 3, 4]


def test_a_deleted_study_leaves_nothing(run, store, here):
    store.put_bytes("studies/study-12/x", b"of another")
    run("A", 1, 1)

    here.delete_from_storage()

    assert store.keys() == ["studies/study-12/x"]


def test_an_endpoint_that_is_gone_is_no_reason_for_a_summary_to_fail(s3: Endpoint, tmp_path):
    files = StudyFiles(tmp_path, "s3://nobody-made-this/x", NAME)

    assert not files.fetch_each([tmp_path / "predictions" / "labels.arrow"])
    files.delete_checkpoints({0})
    assert not files.take_preemption_mark(0)
