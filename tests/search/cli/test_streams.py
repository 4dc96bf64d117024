"""Streams that are closed, that break, or that are to hold JSON alone; Ctrl-C at any moment."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from search.cli.main import main
from search.ctrl_c import Interrupted
from tests.conftest import Place
from tests.search.cli.finished import finished_study

LOUD = """
import os
print("at import")
os.system("echo by a child")
import dataclasses
from tests import curve_task
def labels(data):
    print("at call")
    raise {error}
class Data: ...
data = Data()
for each in ("DATASETS", "prepare", "load", "objective", "baselines"):
    setattr(data, each, getattr(curve_task.TASK.data, each))
data.labels = labels
TASK = dataclasses.replace(curve_task.TASK, data=data)
{last}
"""


def _shell(place: Place, line: str) -> subprocess.CompletedProcess[str]:
    """A line of shell, in which `search` is the command."""
    text = f'search() {{ "{sys.executable}" -m search "$@"; }}; set -o pipefail; {line}'
    return subprocess.run(
        ["bash", "-c", text], cwd=place.folder, env=place.env, capture_output=True, text=True
    )


@pytest.fixture
def kept(place: Place) -> Place:
    for number in range(3):
        finished_study(place, f"old{number}")
    return place


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">&- 2>/dev/full", "</dev/full"]
)
def test_closed_streams_are_no_error(kept, closed):
    done = _shell(kept, f"search list {closed} && search show old1 --json {closed}")

    assert (done.returncode, done.stderr) == (0, "")
    refused = _shell(kept, f"search show nothing {closed}")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    # Nothing was written into the record.
    assert len(kept.record.studies()) == 3


@pytest.mark.parametrize("command", ["list", "list --json", "show old1"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_bad_input(kept, command, unbuffered):
    done = _shell(kept, f"PYTHONUNBUFFERED={unbuffered} search {command} >/dev/full")

    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("command", ["list", "list --json", "show old1", "show old1 --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_who_reads_no_further_ends_a_command_quietly(kept, command, unbuffered):
    done = _shell(kept, f"PYTHONUNBUFFERED={unbuffered} search {command} | true")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("terminal", ["COLUMNS=20", "TERM=dumb", "COLUMNS=1", "LINES=1"])
def test_a_narrow_terminal_or_none_shows_all(kept, terminal):
    done = _shell(kept, f"{terminal} search show old1; {terminal} search list")

    assert (done.returncode, done.stderr) == (0, "")
    assert "old1" in done.stdout


@pytest.mark.parametrize(
    ("error", "last"),
    [
        ("ValueError('bad')", ""),
        ("SystemExit('gone')", ""),
        ("KeyboardInterrupt", ""),
        ("ValueError", "raise SystemExit(3)"),
        ("ValueError", "raise KeyboardInterrupt"),
        ("ValueError", "raise BaseException('base')"),
    ],
)
def test_what_a_user_s_code_prints_and_raises_leaves_stdout_alone(place, error, last):
    (place.folder / "loud.py").write_text(LOUD.format(error=error, last=last))

    done = place.search("run", "loud:TASK", "--trials", "1", "--json")

    assert (done.returncode, done.stdout) == (2, "")
    *printed, told = done.stderr.splitlines()
    assert printed == ["at import", "by a child"] + (["at call"] if not last else [])
    assert told.startswith("error: ")
    assert "loud.py:" in told


@pytest.mark.parametrize("wait_s", [0.05, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("command", [("list",), ("run", "tests.curve_task:TASK")])
def test_ctrl_c_is_quiet_from_the_first_import_on(kept, wait_s, command):
    code = (
        # As a terminal starts it: a shell has what it starts in the background ignore Ctrl-C.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys, time; sys.argv = ['-m']; sys.orig_argv = ['python', '-m', 'search'];"
        f"import search; print(flush=True); sys.argv = ['search', *{command}];"
        "import runpy; runpy.run_module('search', run_name='__main__', alter_sys=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=kept.folder, env=kept.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(wait_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    # a quick machine has begun the study by then, which tells how it ends
    told = re.compile(r"|\nSIGINT: waiting up to .*\n(.*\n)?interrupted by SIGINT\n")
    assert told.fullmatch(err), err
    assert process.returncode in (130, 0)


def test_a_signal_is_told_from_what_code_raises(monkeypatch, capsys):
    def raising(error: BaseException) -> Callable[[Any], int]:
        def command(options: Any) -> int:
            raise error

        return command

    for error, code, told in (
        (Interrupted(), 130, ""),
        (KeyboardInterrupt(), 2, "error: your code raises KeyboardInterrupt (tests"),
    ):
        monkeypatch.setattr("search.cli.views._list", raising(error))
        assert main(("list",)) == code
        assert capsys.readouterr().err.startswith(told)
