"""Whole studies whose files lie in a shared folder or on S3: killed, resumed, promoted, deleted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from search.files.storage import open_store
from search.reports.summary import show_trial
from tests.conftest import Place
from tests.s3 import Endpoint
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    driven,
    epochs_of,
    history_of,
)
from tests.waiting import wait_until

CURVE, COIN = "tests.curve_task:TASK", "tests.coin_task:TASK"
TRIALS = 4


@pytest.fixture(params=(pytest.param("folder", marks=pytest.mark.long), "s3"))
def storage(request: pytest.FixtureRequest, tmp_path: Path, s3: Endpoint) -> str:
    """Its address; `place` comes after it, and so inherits S3's environment."""
    (tmp_path / "shared").mkdir()
    return s3.uri(tmp_path.name) if request.param == "s3" else str(tmp_path / "shared")


def _await_end_of_workers(place: Place) -> None:
    """Of a killed driver: they notice within seconds."""
    processes = Path("/proc")
    wait_until(
        lambda: not any(_works_in(process, place.folder) for process in processes.iterdir()),
        "workers live on",
    )


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return Path(os.readlink(process / "cwd")).is_relative_to(folder)
    except OSError:
        return False


def _first_printed(log: str) -> int:
    return int(log.split()[1])


def test_killed_on_nodes_that_are_lost_it_goes_on_from_the_storage(storage, place):
    options = ("--trials", str(TRIALS), "--workers", "2", "--set", "epoch_s=0.3")
    keep = ("--keep-checkpoints", "2", "--storage", storage)
    with driven(place, "run", CURVE, "--name", "s", *WHOLE, *options, *keep) as driver:
        wait_until(lambda: epochs_of(place, "s") >= 5, "no epochs", process=driver)
        driver.kill()
    _await_end_of_workers(place)
    scratch = Path(place.env["SEARCH_CACHE_DIR"]) / "scratch"
    assert list(scratch.rglob("*.pt")), "trials do not work in their node's scratch folder"
    shutil.rmtree(scratch)
    before = [trial.epoch for trial in history_of(place, "s").trials]

    told = place.search("resume", "s", "--json", "--quiet")

    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    assert summary["trials"]["complete"] == TRIALS
    assert summary["baselines"]["zero"]["best_minus_this"]["beyond_example_noise"]
    for number in range(TRIALS):
        assert_undisturbed(place, "s", number)
    shown = [show_trial(place.record, place.record.study("s"), n) for n in range(len(before))]
    logs = [trial["log"] for trial in shown]
    for log, epoch in zip(logs, before, strict=True):
        # Of an epoch that was in the storage and not yet on record, nothing is trained again.
        assert epoch + 1 <= _first_printed(log) <= epoch + 2

    keys = open_store(storage).keys()
    kept = {key.split("/")[3] for key in keys if "/checkpoints/" in key}
    assert len(kept) == 2
    assert sum("/predictions/trial-" in key for key in keys) == TRIALS
    assert not list(scratch.rglob("*.pt"))
    assert not (place.folder / "studies" / "s" / "checkpoints").exists()

    deleted = place.search("delete", "s", "--yes")
    assert deleted.returncode == 0, deleted.stderr
    assert open_store(storage).keys() == []


@pytest.mark.long
def test_a_promotion_takes_what_it_needs_from_s3(s3, tmp_path, place):
    storage = s3.uri(tmp_path.name)
    study = ("--trials", "4", "--workers", "2", "--scheduler", "none", "--storage", storage)
    told = place.search("run", COIN, "--name", "c", *study, "--quiet")
    assert told.returncode == 0, told.stderr
    shutil.rmtree(place.folder / "studies" / "c" / "predictions")  # as on another head

    few = ("--top", "2", "--runs", "4", "--final-seeds", "2")
    told = place.search("promote", "c", *few, "--json", "--quiet", timeout_s=400)

    assert told.returncode == 0, told.stderr
    result = json.loads(told.stdout.splitlines()[-1])
    assert result["alias"] == "champion"
    assert result["final"]["test"]["n"] == 2


def test_prepared_data_reaches_trials_through_the_storage(s3, tmp_path, place):
    storage = s3.uri(tmp_path.name)
    data = ("--dataset", "toy", "--set", "vectors=random", "--set", "dimension=20")
    short = ("--trials", "2", "--max-epochs", "1", "--no-baseline", "--workers", "2", "--quiet")

    told = place.search("run", "sts", "--name", "d", *data, *short, "--storage", storage)

    assert told.returncode == 0, told.stderr
    shipped = list((Path(place.env["SEARCH_CACHE_DIR"]) / "prepared").glob("shipped-*/*"))
    assert len(shipped) == 1
    names = {path.name for path in shipped[0].iterdir()}
    sent = [Path(key).name for key in open_store(storage).keys("data")]
    assert sorted(sent) == sorted([*names, "index.json"])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("studies", "absolute path or s3://BUCKET/PREFIX, got 'studies'"),
        ("/no/such/folder", "storage /no/such/folder: it does not exist"),
        ("s3://nobody-made-this/x", "storage s3://nobody-made-this/x: there is no such bucket"),
        ("s3://KEY:hunter2@bucket/x", "holds no credentials"),
    ],
)
def test_a_storage_that_cannot_be_used_is_said_before_there_is_a_study(s3, place, address, told):
    ended = place.search("run", CURVE, "--name", "n", "--storage", address)

    assert ended.returncode == 2
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "hunter2" not in ended.stderr
    assert [study.name for study in place.record.studies()] == []
