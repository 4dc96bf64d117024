"""The disk of MLflow's store is full, and no other: training goes on, `sync` makes up for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import Place
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    curves_at,
    curves_of,
    fill,
    history_of,
    log_of,
)

pytestmark = pytest.mark.long


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_training_goes_on_and_sync_delivers_all_when_there_is_room(
    place: Place, small_disk: Path
) -> None:
    store = f"sqlite:///{small_disk}/mlflow.db"
    MlflowClient(store).search_experiments()  # makes its tables
    filler = small_disk / "filler"
    fill(filler)
    run = ("run", "tests.curve_task:TASK", "--name", "s", "--trials", "3", "--workers", "1")

    told = place.search(*run, *WHOLE[:-1], "--tracking-uri", store)

    assert told.returncode == 0, told.stderr
    for number in range(3):
        assert_undisturbed(place, "s", number)
    room = f"no room for MLflow's store {store}: make room on its disk"
    [said] = [line for line in (told.stdout + told.stderr).splitlines() if "room" in line]
    assert said == f"MLflow is behind ({room}); later: python -m search sync s"
    assert log_of(place, "s").count(room) == 1
    assert "Traceback" not in told.stderr

    refused = place.search("sync", "s")
    assert refused.returncode == 2
    assert refused.stderr == f"error: not delivered: {room}\n"

    filler.unlink()
    synced = place.search("sync", "s")
    assert synced.returncode == 0, synced.stderr
    assert curves_at(store, "s") == curves_of(history_of(place, "s"))
