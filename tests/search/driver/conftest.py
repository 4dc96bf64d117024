"""A worker that runs segments in this process."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search.driver.trial import SegmentTrainable
from tests import curve_task
from trainables import test_split_lock

Segment = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    """Run one segment to its end: the results of its steps. One reused worker for all of a test."""
    monkeypatch.setattr(
        test_split_lock, "_kept_locked", False
    )  # given back: this process is no worker
    handler = signal.getsignal(signal.SIGTERM)
    worker: list[SegmentTrainable] = []
    curve: list[dict[str, float]] = []

    def segment(
        first: int, last: int, *, trial: int = 0, files: Any = None, **config: Any
    ) -> list[dict[str, Any]]:
        told = {
            "task": "tests.curve_task:TASK",
            "max_epochs": 4,
            "threads": 1,
            "gpus": 0.0,
            "node": "",
            "files": json.dumps(files or {}),
            "working_folder": str(tmp_path / "typed_here"),
            "study_folder": str(tmp_path),
            "study_key": "study-1",
            "storage": None,
            "data_folder": str(tmp_path),
            "data_key": "",
            "trial": trial,
            "config": curve_task.TASK.configure(config),
            "seed": 7,
            "first_epoch": first,
            "last_epoch": last,
            "start_s": 60.0,
            "timeout_s": 60.0,
            "curve": json.dumps(curve[: first - 1]),  # what is on record
        }
        if worker:
            assert worker[0].reset_config(told)
        else:
            worker.append(SegmentTrainable(told))
            assert test_split_lock._kept_locked, (
                "a process that trains must never see the test split"
            )
        results: list[dict[str, Any]] = []
        while last and not (results and results[-1]["done"]):
            assert len(results) <= last, "goes on beyond its last epoch"
            results.append(worker[0].step())
        curve[first - 1 :] = [r["metrics"] for r in results if r.get("epoch", 0) >= first]
        return results

    yield segment
    signal.signal(signal.SIGTERM, handler)
