"""The commands that only read, on a study made by hand; and the command line itself."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys

import pytest

from search.cli import common
from search.cli.main import main
from search.record.record import Study
from tests.conftest import ROOT
from tests.search.cli.finished import CURVE, finished_study
from tests.waiting import Stopwatch


@pytest.fixture
def old(place, monkeypatch) -> Study:
    monkeypatch.chdir(place.folder)
    return finished_study(place)


def test_list_has_a_line_a_study(old, place, capsys):
    finished_study(place, "other")

    assert main(["list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["old", "other"]
    assert "finished" in lines[0]
    assert "4 trials" in lines[0]
    assert "score 0.6000" in lines[0]


def test_list_as_json(old, capsys):
    assert main(["list", "--json"]) == 0

    assert [study["name"] for study in json.loads(capsys.readouterr().out)] == ["old"]


def test_show_as_json_has_every_field(old, capsys):
    assert main(["show", "old", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["task"], shown["state"]) == ("old", CURVE, "finished")
    assert shown["objective"] == {"metric": "score", "mode": "max"}
    counts = {"total": 4, "complete": 2, "pruned": 1, "failed": 1, "running": 0, "paused": 0}
    assert shown["trials"] == counts
    assert shown["best"] == {"trial": 1, "value": 0.6, "epoch": 3, "config": {}}
    assert shown["baselines"]["zero"]["value"] == 0.0
    assert {"wall_s", "train_s", "utilisation"} <= set(shown)


def test_show_trial_has_configuration_curve_log_and_traceback(old, place, capsys):
    log = place.record.study_folder("old") / "logs" / "trial-3.log"
    log.parent.mkdir(parents=True)
    log.write_text("what it printed\n")

    assert main(["show", "old", "--trial", "3"]) == 0
    text = capsys.readouterr().out
    assert "trial 3: failed" in text
    assert "RuntimeError: asked to fail" in text
    assert "Traceback (most recent call last)" in text
    assert "what it printed" in text

    assert main(["show", "old", "--trial", "1", "--json"]) == 0
    trial = json.loads(capsys.readouterr().out)
    assert trial["state"] == "complete"
    assert [point["epoch"] for point in trial["curve"]] == [1, 2, 3]


def test_delete_asks_first(old, place, capsys):
    told = place.search("delete", "old", stdin="n\n")
    assert (told.returncode, place.record.studies()) == (0, [old])

    told = place.search("delete", "old", stdin="y\n")
    assert (told.returncode, place.record.studies()) == (0, [])
    assert not place.record.study_folder("old").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("8h", 28800), ("1.5h", 5400), ("2d", 172800)],
)
def test_times_as_a_user_writes_them(text, seconds):
    assert common.seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "-1s",
        "0",
        "1w",
        "nan",
        "inf",
        "1 0",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a time is a number"):
        common.seconds(text)


def test_the_commands_import_nothing_heavy():
    heavy = ("torch", "ray", "mlflow", "optuna", "numpy", "sqlalchemy")
    code = f"import sys, search.cli.main; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


def test_help_names_every_command_and_is_quick(place):
    stopwatch = Stopwatch()
    told = place.search("--help")
    in_time = stopwatch.within(3)  # a benchmark holds it to 0.5 s

    assert told.returncode == 0
    for command in ("run", "resume", "stop", "list", "show", "sync", "ui"):
        assert re.search(rf"^\s+{command}\b", told.stdout, re.MULTILINE)
    assert in_time
