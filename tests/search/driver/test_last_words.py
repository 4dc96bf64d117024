"""A process that dies under a trial: the reason is in the trial's log, and is read from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.driver.attempts import NO_MEMORY, Cause
from search.driver.last_words import Logs, last_words, true_cause
from search.files.paths import log_file
from tests.conftest import ROOT

DIES = """
import ctypes, os, pathlib, signal, sys
from search.driver.last_words import last_words

def layer(how):
    exec(how, globals())

log = open(sys.argv[1], "a", buffering=1)
log.write("epoch 1\\n")
with last_words(log):
    layer(sys.argv[2])
"""
CRASHES = [
    ("os.abort()", "(SIGABRT at dies.py:"),
    ("ctypes.string_at(0)", "(SIGSEGV at dies.py:"),
    ("os.kill(os.getpid(), signal.SIGFPE)", "(SIGFPE at dies.py:"),
    ("os._exit(7)", "(os._exit(7)"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "(without a word"),
    ("ctypes.CDLL(None)._exit(5)", "its log ends: epoch 1)"),
    ("os.fork() or os._exit(3); os.wait(); os.kill(os.getpid(), 9)", "its log ends: epoch 1)"),
]


@pytest.mark.parametrize(("how", "reason"), CRASHES)
def test_what_a_process_died_of_is_told(tmp_path: Path, how: str, reason: str) -> None:
    (tmp_path / "dies.py").write_text(DIES)
    log = log_file(tmp_path, "trial-3")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("Fatal Python error: Aborted\n")  # an earlier attempt's
    logs = Logs(tmp_path)
    logs.begin(3)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "dies.py"), str(log), how]
    died = subprocess.run(command, env=env, check=False)

    cause = true_cause(Cause(reason="its process died (see Ray)"), logs.since(3))

    assert died.returncode != 0
    assert cause.reason.startswith("its process died (")
    assert reason in cause.reason
    assert cause.traceback.startswith("epoch 1")
    assert "Extension modules" not in cause.traceback
    assert cause.counts
    assert not cause.final


def test_what_is_known_otherwise_stands() -> None:
    for reason in (NO_MEMORY, "its machine went away", "no epoch ended in 3 s"):
        assert true_cause(Cause(reason=reason), "Fatal Python error: Aborted").reason == reason


def test_a_log_that_is_not_here_is_none(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "elsewhere")
    logs.begin(0)

    cause = true_cause(Cause(reason="its process died"), logs.since(0))

    assert cause.reason == "its process died (without a word: SIGKILL, or an exit of a library's)"


def test_os_exit_is_as_it_was_afterwards(tmp_path: Path) -> None:
    leave = os._exit
    with (tmp_path / "log").open("w") as log, last_words(log):
        assert os._exit is not leave

    assert os._exit is leave
    assert signal.getsignal(signal.SIGINT) is not None
