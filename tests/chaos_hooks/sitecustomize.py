"""Kills this process from inside, at a moment that no signal from outside can hit on purpose.

CHAOS_KILL is PROCESS:MOMENT:N, as in driver:commit:7 (inside the 7th database commit: written, not
yet committed), driver:committed:7 (right after it), worker:fsync:3 (a checkpoint is written, but
not yet in place). Only processes of that kind are touched, and CHAOS_MARK is made first, so that
it happens once in all.

CHAOS_SLOW_STORAGE_S: each request to a storage takes so long.
"""

import functools
import importlib.util
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path


def _process() -> str:
    line = " ".join(sys.orig_argv)
    if "default_worker.py" in line:
        return "worker"
    if "search.tracking.delivery" in line:
        return "tracking"
    return "driver" if "-m search" in line else ""


def _die() -> None:
    try:
        Path(os.environ["CHAOS_MARK"]).touch(exist_ok=False)
    except FileExistsError:
        return  # another process of this kind did
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(moment: str, number: int) -> None:
    calls = 0

    def count() -> bool:
        nonlocal calls
        calls += 1
        return calls == number

    if moment == "fsync":
        fsync = os.fsync

        def killing_fsync(descriptor: int) -> None:
            if count():
                _die()
            fsync(descriptor)

        os.fsync = killing_fsync
        return

    if os.environ.get("SEARCH_RECORD"):
        import psycopg

        commit = psycopg.Connection.commit

        def killing_commit(connection: psycopg.Connection) -> None:
            hit = connection.info.transaction_status.name == "INTRANS" and count()
            if hit and moment == "commit":
                _die()
            commit(connection)
            if hit and moment == "committed":
                _die()

        psycopg.Connection.commit = killing_commit
        return

    class Killing(sqlite3.Connection):
        def commit(self) -> None:
            hit = self.in_transaction and count()
            if hit and moment == "commit":
                _die()
            super().commit()
            if hit and moment == "committed":
                _die()

    connect = sqlite3.connect
    sqlite3.connect = sqlite3.dbapi2.connect = lambda *arguments, **options: connect(
        *arguments, **{"factory": Killing, **options}
    )


if "CHAOS_KILL" in os.environ:
    _whose, _moment, _number = os.environ["CHAOS_KILL"].split(":")
    if _process() == _whose:
        _arm(_moment, int(_number))


class _SlowStorage:
    """Finds the module of the storage, and slows what it defines."""

    def find_spec(self, name, path=None, target=None):
        if name != "search.files.storage":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def and_slow(module):
            execute(module)
            for method in ("_put", "_get", "keys", "delete"):
                setattr(module.Store, method, _slow(getattr(module.Store, method)))

        spec.loader.exec_module = and_slow
        return spec


def _slow(function):
    @functools.wraps(function)
    def slow(*arguments, **options):
        time.sleep(float(os.environ["CHAOS_SLOW_STORAGE_S"]))
        return function(*arguments, **options)

    return slow


if "CHAOS_SLOW_STORAGE_S" in os.environ:
    sys.meta_path.insert(0, _SlowStorage())
