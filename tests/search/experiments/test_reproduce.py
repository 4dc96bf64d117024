"""A table of the report, small: killed on the way, gone on with, read once on test."""

from __future__ import annotations

import json
import subprocess

import pytest

from search.experiments.reproduce import convergent_epoch
from spaces.report import TABLES
from tests.conftest import Place
from tests.waiting import wait_until
from trainables.cnn.data import FOLDER
from trainables.data import find

SMALL = ("reproduce", "table4", "--dataset", "toy", "--epochs", "2", "--seeds", "1")
ONE = ("--epochs", "1", "--seeds", "1", "--yes")


@pytest.mark.long
def test_its_rows_are_trained_once_and_read_once(place: Place) -> None:
    process = place.start(*SMALL, "--quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: _complete(place) > 2, process=process)
    process.kill()
    process.wait()

    done = place.search(*SMALL, "--json")

    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    rows = TABLES["table4"].rows
    assert [row["label"] for row in table["rows"]] == [row.label for row in rows]
    assert [row["runs"] for row in table["rows"]] == [1] * len(rows)
    assert table["reduced"] == "2 epochs in place of 100, data set toy"
    assert _complete(place) == len(rows)

    readings = _readings(place)
    again = place.search(*SMALL, "--markdown", "--quiet")

    assert again.stdout.count("\n| ") == len(rows) + 1
    assert "REDUCED" in again.stdout
    assert _readings(place) == readings == len(rows)

    other = place.search(*SMALL[:-1], "2")
    assert (other.returncode, "on record with other seeds" in other.stderr) == (2, True)


@pytest.mark.long
def test_lenet_tells_its_accuracy_by_class(place: Place) -> None:
    small = ("--dataset", "toy", "--train-examples", "256", *ONE)
    done = place.search("reproduce", "table1", *small, "--quiet")

    assert done.returncode == 0, done.stderr
    assert "REDUCED: 1 epochs in place of 80, the first 256 training examples only" in done.stdout
    assert "ship   " in done.stdout
    assert "cannot belong to its 71.7" in done.stdout

    # Its losses and its filters beside the five that need no training.
    drawn = place.search("reproduce", "figures", "--output", "drawn")
    assert "7 of 9 figures" in drawn.stdout, drawn.stderr
    assert {"figure-6.png", "figure-8.svg"} <= {p.name for p in (place.folder / "drawn").iterdir()}


@pytest.mark.long
@pytest.mark.timeout(1300)
def test_every_row_of_resnet_trains(place: Place) -> None:
    small = ("--dataset", "toy", "--train-examples", "128", *ONE)
    done = place.search("reproduce", "table3", *small, "--json", timeout_s=1200)

    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert [row["runs"] for row in table["rows"]] == [1] * 4
    assert [row["ours"]["convergent_epoch"]["mean"] for row in table["rows"]] == [1] * 4
    assert "the first 128 training examples only" in table["reduced"]


@pytest.mark.long
@pytest.mark.timeout(1300)
def test_resnet_trains_on_cifar(place: Place) -> None:
    source = find(FOLDER)
    if source is None:
        pytest.skip("CIFAR-10 is not on this machine")
    place.env["SEARCH_DATA_DIR"] = str(source.parent)
    small = ("--train-examples", "2000", *ONE)
    done = place.search("reproduce", "table2", *small, "--json", timeout_s=1200)

    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert table["reduced"] == ("1 epochs in place of 30, the first 2000 training examples only")
    (row,) = table["rows"]
    # Better than by chance, which is right in 10%.
    assert row["ours"]["train_accuracy"]["mean"] > 15
    by_class = [row["ours"][f"accuracy_{name}"]["mean"] for name in ("cat", "ship")]
    assert all(0 <= share <= 100 for share in by_class)


def test_what_takes_a_core_hours_is_asked_for(place: Place) -> None:
    done = place.search("reproduce", "table3", "--seeds", "1", stdin="n\n")

    assert done.returncode == 0, done.stderr
    assert "table3 trains ResNet-18 for about 52 hours of a core" in done.stdout
    assert done.stdout.endswith("[y/N] not begun\n")
    assert place.record.names() == []


def test_what_it_cannot_train_is_told(place: Place) -> None:
    for arguments, told in (
        (("table9",), f"there is no table 'table9'; there are: {', '.join(TABLES)}"),
        (("table4", "--train-examples", "9"), "leave out --train-examples"),
        (("table1", "--train-examples", "0"), "train-examples must be at least 1"),
        (("table1", "--epochs", "0", "--dataset", "toy"), "max_epochs must be at least"),
    ):
        done = place.search("reproduce", *arguments)
        assert done.returncode == 2
        assert told in done.stderr


@pytest.mark.parametrize(
    ("shares", "epoch"),
    [([0.5], 1), ([0.5, 0.9, 0.894, 0.896], 2), ([0.1, 0.896, 0.9], 2), ([0.9, 0.1, 0.91], 3)],
)
def test_the_convergent_epoch_is_the_first_near_the_best(shares: list[float], epoch: int) -> None:
    assert convergent_epoch(shares) == epoch


def _complete(place: Place) -> int:
    record = place.record
    if "report-table4" not in record.names():
        return 0
    trials = record.history(record.study("report-table4")).trials
    return sum(trial.epoch == 2 for trial in trials)


def _readings(place: Place) -> int:
    record = place.record
    return len(record.ledger.readings(record.study("report-table4").ledger_name))
