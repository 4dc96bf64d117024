"""Shell completion of `python -m search`, as argcomplete's shell function asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import ROOT


def test_the_shell_finds_the_marker_and_gets_the_commands() -> None:
    marked = [sys.executable, "-m", "argcomplete._check_module", "search"]
    assert subprocess.run(marked, cwd=ROOT, check=False).returncode == 0
    line = "python -m search sh"
    asked = {
        "_ARGCOMPLETE": "3",  # the words that are no part of the command line: python, -m, search
        "_ARGCOMPLETE_IFS": " ",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }

    told = subprocess.run(
        [sys.executable, "-m", "search"],
        cwd=ROOT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout.split() == ["show"]
