"""The chaos program with a few kills; the real number is for `python -m tests.chaos --kills 20`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SEED = "2170"  # a kill inside a commit, one at any moment, one while a checkpoint is written


@pytest.mark.timeout(240)
def test_a_study_killed_at_random_moments_is_the_one_left_alone():
    told = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--kills", "3", "--seed", SEED],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.splitlines()[-1] == (
        "3 kills in 1 studies: 0 trials lost, 0 doubled, 0 differing tables, "
        "0 differing weights, 0 incomplete in MLflow"
    )
