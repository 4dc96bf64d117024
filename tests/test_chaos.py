"""The chaos program with a few kills; the real number is for `python -m tests.chaos --kills 20`."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import chaos
from tests.chaos_studies import Setting, Victim
from tests.conftest import ROOT
from tests.waiting import Stopwatch

SEED = "30378"  # a kill inside a commit, the record moved away, a kill in a checkpoint's writing


@pytest.mark.long
def test_a_study_killed_at_random_moments_is_the_one_left_alone():
    options = ("--kills", "3", "--seed", SEED, "--only", "failing-code")
    told = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert told.returncode == 0, told.stdout + told.stderr
    # A kill that comes too late, on a quick machine, is made up for in a second study.
    assert re.fullmatch(
        "3 kills in [12] studies: 0 commands hung or failed, 0 trials lost, 0 doubled, "
        "0 differing tables, 0 differing weights, 0 incomplete in MLflow",
        told.stdout.splitlines()[-1],
    )


@pytest.mark.parametrize(
    ("kill", "good", "said"),
    [
        (chaos.Kill("at 3.0 s", 0), True, "at 3.0 s, exit code 0"),
        (chaos.Kill("at 3.0 s", 1), False, "at 3.0 s, exit code 1"),
        (chaos.Kill("at 3.0 s", -9, driver=True), True, "at 3.0 s, exit code -9"),
        (chaos.Kill("at 3.0 s", None, driver=True), False, "at 3.0 s, HUNG"),
        (chaos.Kill("", 1, driver=True), False, "too late: the study had ended, exit code 1"),
    ],
)
def test_a_command_must_end_and_go_on_where_its_driver_lives(kill, good, said):
    assert kill.good == good
    assert str(kill) == said


@pytest.mark.parametrize(("program", "code"), [("time.sleep(60)", None), ("sys.exit(3)", 3)])
def test_a_command_that_hangs_or_fails_is_seen(monkeypatch, program, code):
    class Command(Victim):
        takes_s = 20.0

        def start(self, *_: str, **__: str) -> subprocess.Popen[str]:
            arguments = [sys.executable, "-c", f"import sys, time; {program}"]
            return subprocess.Popen(arguments, text=True, start_new_session=True)

    monkeypatch.setattr(chaos, "LONGEST_S", 2.0)
    stopwatch = Stopwatch()
    kill = chaos.kill_tracking(Command(Path(), Setting("s", ()), "s"), random.Random(0))
    assert kill == chaos.Kill("", code)
    assert not kill.good
    assert stopwatch.within(30)
