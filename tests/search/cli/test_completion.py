"""Shell completion of `python -m search`, as argcomplete's shell function asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from search.tasks.config import StudyConfig
from tests.conftest import ROOT

TRIAL_OPTIONS = ["--trials", "--trial-timeout"]


def test_the_shell_finds_the_marker() -> None:
    marked = [sys.executable, "-m", "argcomplete._check_module", "search"]
    assert subprocess.run(marked, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("sh", ["show"]), ("show o", ["one"]), ("run sts --tri", TRIAL_OPTIONS)],
)
def test_commands_options_and_the_names_of_studies_are_completed(place, typed, completed):
    for name in ("one", "two"):
        place.record.create(StudyConfig(name=name, task="sts", dataset="toy"), {"baselines": {}})
    line = f"python -m search {typed}"
    asked = {
        # The words that are no part of the command line: python, -m, search.
        "_ARGCOMPLETE": "3",
        "_ARGCOMPLETE_IFS": " ",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }

    told = subprocess.run(
        [sys.executable, "-m", "search"],
        cwd=place.folder,
        env={**place.env, **asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout.split() == completed, told.stderr
