"""A study seen through by a program instead of a command: in any thread, again and again."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import Place

PROGRAM = """
import signal
import sys
import threading
from pathlib import Path

from search.driver.begin import create, prepare
from search.driver.run import see_through
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
task = find_task("tests.curve_task:TASK")
record = open_record(Path("studies"), create=True)
config = StudyConfig(
    name="s", task="tests.curve_task:TASK", dataset="ones", trials=2, max_epochs=2, min_epochs=1,
    tracking_uri="sqlite:///mlflow.db",
)
prepared = prepare(task, config)
study = create(record, config, task, prepared)


def tell(what):
    print(what, file=sys.stderr, flush=True)


def extend(trials):
    see_through(record, study, task, prepared, trials=trials, quiet=True, say=tell)
    tell(f"{len(record.history(study).trials)} trials on record")


handlers = [signal.getsignal(number) for number in HANDLED]
in_a_thread = threading.Thread(target=extend, args=(2,))
in_a_thread.start()
in_a_thread.join()
extend(3)
assert handlers == [signal.getsignal(number) for number in HANDLED]
tell(record.history(study).last_session.event)
"""


def test_it_works_in_a_thread_then_again_in_the_same_process_and_prints_nothing(place: Place):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=place.folder, env=place.env, text=True,
        capture_output=True, timeout=150, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    told = done.stderr.splitlines()
    assert told == ["2 trials on record", "3 trials on record", "finished"]
