"""The process beside a worker that ends it when a call hangs; run by watchdog.py, by its file.

A process of its own: a call of C may keep Python's lock, and then no thread of Python goes on.
It counts the time by its own ticks: while the whole machine stands still (a paused container, a
laptop's lid), it does so too, and that time is no call's.
"""

import contextlib
import os
import select
import signal
import sys
import time

TICK_S = 0.5
IDLE_S = 5.0  # how often it looks whether the worker lives, where no call is under way
MOST_S = 5.0  # of a tick that took longer, the machine stood still for the rest
DUMP_S = 0.5  # what the worker has to write down where it hangs


def watch(owner: int, dump: int) -> None:
    """Take lines "SECONDS" (a call begins that may take so long) and "" (it has ended) from stdin,
    until that ends or the process `owner` does. Answer each end with the seconds stood still."""
    limit: float | None = None
    awake = still = 0.0
    last, received = time.monotonic(), b""
    while os.getppid() == owner:
        ready, _, _ = select.select([0], [], [], IDLE_S if limit is None else TICK_S)
        now = time.monotonic()
        if limit is not None:
            step, most = now - last, min(MOST_S, max(2 * TICK_S, limit / 4))
            awake, still = awake + min(step, most), still + max(step - most, 0.0)
        last = now
        if ready:
            got = os.read(0, 4096)
            if not got:
                return
            *lines, received = (received + got).split(b"\n")
            for line in lines:
                if line:
                    limit, awake, still = float(line), 0.0, 0.0
                else:
                    limit = None
                    os.write(1, b"%f\n" % still)
        elif limit is not None and awake >= limit:
            os.kill(owner, dump)
            time.sleep(DUMP_S)
            os.kill(owner, signal.SIGKILL)
            return


if __name__ == "__main__":
    with contextlib.suppress(OSError, KeyboardInterrupt):  # the worker is gone
        watch(int(sys.argv[1]), int(sys.argv[2]))
