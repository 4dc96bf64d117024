"""What a test cannot bring about from outside a driver: its clock jumps, its patience is short.

FAULT_CLOCK is AFTER:SECONDS, as in 6:-3600: six seconds after the driver's start `time.time` jumps
back an hour. FAULT_PATIENCE_S: how long it waits for a locked record.
FAULT_START_S: how long it lets a process start.

FAULT_STARTS is FILE:N: the first N of Ray's worker processes hang before they have loaded anything
of ours.
"""

import os
import sys
import time

if "-m search" in " ".join(sys.orig_argv):
    if "FAULT_CLOCK" in os.environ:
        _after_s, _jump_s = map(float, os.environ["FAULT_CLOCK"].split(":"))
        _time, _begun = time.time, time.monotonic()
        time.time = lambda: _time() + (_jump_s if time.monotonic() - _begun >= _after_s else 0)
    if "FAULT_PATIENCE_S" in os.environ:
        import search.record.sqlite

        search.record.sqlite.BUSY_PATIENCE_S = float(os.environ["FAULT_PATIENCE_S"])
    if "FAULT_START_S" in os.environ:
        import search.driver.attempts

        search.driver.attempts.START_S = float(os.environ["FAULT_START_S"])

if "FAULT_STARTS" in os.environ and "default_worker.py" in " ".join(sys.orig_argv):

    class _Hangs:
        """Asked where a module is before anybody else; never answers, while it is to hang."""

        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "search.driver.trial":
                file, _, most = os.environ["FAULT_STARTS"].rpartition(":")
                with open(file, "a+") as started:
                    started.write("x")
                    started.flush()
                    if started.tell() <= int(most):
                        time.sleep(1e6)

    sys.meta_path.insert(0, _Hangs)  # type: ignore[arg-type]
