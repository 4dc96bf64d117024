"""A study has one driver: the lock, between real processes as it is meant."""

from __future__ import annotations

import signal
import threading

import pytest

from search.errors import StudyLockedError
from tests.search.record.small import run_python
from tests.waiting import wait_until

_HOLDER = (
    "import sys, time; from pathlib import Path\n"
    "from search.record.record import open_record\n"
    "with open_record(Path(sys.argv[1])).driver_lock('s'):\n"
    "    print('held', flush=True); time.sleep(600)\n"
)


def test_a_second_driver_is_refused_and_a_killed_one_keeps_nothing(record, study):
    assert not record.driven("s")
    with run_python(_HOLDER, record) as holder:
        assert holder.stdout.readline() == "held\n"
        assert record.driven("s")
        with (
            pytest.raises(StudyLockedError, match=r"driven by another process.*search show s"),
            record.driver_lock("s"),
        ):
            pass
        assert not record.driven("other")
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    wait_until(lambda: not record.driven("s"), seconds=5)  # a server has to notice first
    with record.driver_lock("s"):
        assert record.driven("s")  # also as seen from within the driver
    assert not record.driven("s")


def test_asking_whether_a_study_is_driven_leaves_no_folder(record, study):
    record.driven("s")

    assert not record.study_folder("s").exists()


def test_a_reader_never_keeps_a_driver_out(record, study):
    """`show` or the delivery to MLflow may ask just when a driver starts."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            record.driven("s")

    readers = [threading.Thread(target=ask) for _ in range(2)]
    with record.driver_lock("s"):
        for reader in readers:
            reader.start()
    try:
        for _ in range(300):
            with record.driver_lock("s"):
                pass
    finally:
        over.set()
        for reader in readers:
            reader.join()


def test_two_readers_do_not_take_each_other_for_a_driver(record, study):
    with record.driver_lock("s"):
        pass
    seen: list[bool] = []

    def ask() -> None:
        seen.extend(record.driven("s") for _ in range(1000))

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert not any(seen)
