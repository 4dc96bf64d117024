"""A call that hangs ends its process; time during which everything stood still is not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.conftest import ROOT

BEGIN = """
import ctypes, os, sys, time
from search.driver.watchdog import Watchdog
watchdog = Watchdog()
def work(seconds):
    while seconds > 0:
        time.sleep(0.05)
        seconds -= 0.05
print("begun", flush=True)
"""


def _start(body: str, **options: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + textwrap.dedent(body)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_call_that_keeps_python_s_lock_is_ended_and_its_place_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _start(f"""
        def hang():
            ctypes.PyDLL(None).sleep(60)
        with open({str(log)!r}, "w") as file, watchdog.limit(0.5, file):
            hang()
    """) as process:
        assert process.wait(20) == -signal.SIGKILL
    assert "in hang" in log.read_text()


def test_calls_that_end_in_time_go_on(tmp_path: Path) -> None:
    with _start("""
        for _ in range(3):
            with watchdog.limit(1.5, 2) as stood_still:
                work(0.6)
            assert stood_still == [0.0]
        time.sleep(2)
        print("ended")
    """) as process:
        assert process.communicate(timeout=20)[0] == "ended\n"


def test_a_machine_that_stands_still_costs_no_call_its_time() -> None:
    """All that runs is stopped, as in a paused container, for longer than a call may take."""
    with _start("""
        with watchdog.limit(60, 2):
            pass
        with watchdog.limit(2.5, 2) as stood_still:
            work(0.1)
            print("in it", flush=True)
            work(0.6)
        print(stood_still[0])
    """) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(3.2)
        os.killpg(process.pid, signal.SIGCONT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert 1.5 < float(out) < 3.2


def test_without_a_process_beside_it_a_call_goes_on() -> None:
    with _start("""
        os.kill = lambda *_: None
        with watchdog.limit(60, 2):
            watchdog._beside.kill()
            work(0.1)
        with watchdog.limit(60, 2) as stood_still:
            pass
        print(stood_still, watchdog._beside.poll())
    """) as process:
        assert process.communicate(timeout=20)[0] == "[0.0] None\n"


def test_it_ends_with_its_worker() -> None:
    with _start("""
        with watchdog.limit(60, 2):
            print(watchdog._beside.pid, flush=True)
            time.sleep(60)
    """) as process:
        assert process.stdout is not None
        beside = int(process.stdout.readline())
        process.kill()
        process.wait()
        until = time.monotonic() + 10
        while Path(f"/proc/{beside}").exists() and time.monotonic() < until:
            state = Path(f"/proc/{beside}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                break
            time.sleep(0.05)
        else:
            assert not Path(f"/proc/{beside}").exists()
