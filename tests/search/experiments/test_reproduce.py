"""A table of the report, small: killed on the way, gone on with, read once on test."""

from __future__ import annotations

import json
import subprocess

import pytest

from spaces.report import TABLES
from tests.conftest import Place
from tests.waiting import wait_until

SMALL = ("reproduce", "table4", "--dataset", "toy", "--epochs", "2", "--seeds", "1")


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


def test_a_table_that_the_report_has_not_is_told(place: Place) -> None:
    done = place.search("reproduce", "table9")
    assert (done.returncode, done.stderr) == (
        2,
        "error: there is no table 'table9'; there are: table4\n",
    )


def _complete(place: Place) -> int:
    record = place.record
    if "report-table4" not in record.names():
        return 0
    trials = record.history(record.study("report-table4")).trials
    return sum(trial.epoch == 2 for trial in trials)


def _readings(place: Place) -> int:
    record = place.record
    return len(record.ledger.readings(record.study("report-table4").ledger_name))
