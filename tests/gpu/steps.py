"""What only a GPU can show, the most important first, within the time given: `tests/gpu/check`.

Each step is a process of its own and prints a row as it is measured, also into $OUT/check.jsonl (a
line of JSON a row): whatever ends the check early has lost nothing. A step that fails, or for which
no time is left, is a row that says so, and the next goes on. Exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.gpu import step as step_process
from tests.gpu.step import write
from trainables.cache import cache_folder

__all__ = ["STEPS", "main"]

ENDING_S = 10.0  # for a step to end what it has started


@dataclass(frozen=True)
class Step:
    name: str
    function: str
    least_s: float  # with less left it is not begun
    most_s: float

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]


# Those before `accuracy` fit into 8 minutes even if each takes all that it may.
STEPS = (
    Step("machine", "tests.gpu.machine:about", 5, 30),
    Step("tests", "tests.gpu.machine:gpu_tests", 30, 80),
    Step("cnn", "tests.gpu.throughput:cnn_throughput", 30, 60),
    Step("sts", "tests.gpu.throughput:sts_throughput", 20, 40),
    Step("study", "tests.gpu.studies:killed_and_resumed", 60, 130),
    Step("memory", "tests.gpu.studies:hungry", 30, 60),
    Step("sharing", "tests.gpu.sharing:sharing", 40, 80),
    Step("accuracy", "tests.gpu.throughput:accuracy", 240, 400),
    Step("promotion", "tests.gpu.studies:promotion", 60, 240),
    Step("lanes", "tests.gpu.sharing:lanes", 60, 120),
    Step("graphs", "tests.gpu.graphs:graphs", 30, 60),
    Step("tables", "tests.gpu.studies:tables", 240, 400),
    Step("compile", "tests.gpu.throughput:compiled", 60, 180),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/gpu/check", description=__doc__)
    parser.add_argument("--minutes", type=float, help="for all of it (8; a rehearsal 60)")
    names = [step.name for step in STEPS]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="on a machine without a GPU, at a tiny size"
    )
    options = parser.parse_args()
    work = cache_folder() / "gpu-check"
    work.mkdir(parents=True, exist_ok=True)
    rows = Path(os.environ.get("OUT") or work) / "check.jsonl"
    first = rows.stat().st_size if rows.exists() else 0
    usual = 60 if options.rehearse else 8
    minutes = usual if options.minutes is None else options.minutes
    deadline = time.monotonic() + 60 * minutes
    for step in STEPS:
        if options.only and step.name not in options.only:
            continue
        left_s = deadline - time.monotonic()
        if left_s < step.least_s and not options.rehearse:
            reason = f"{max(left_s, 0):.0f} s left, {step.least_s:.0f} wanted"
            write(rows, step.name, {"not_run": reason})
            continue
        # A rehearsal measures nothing, on a machine that may be busy with other tests.
        most_s = left_s if options.rehearse else min(left_s, step.most_s)
        run(step, most_s, rows, work, rehearse=options.rehearse)
    with rows.open() as file:
        file.seek(first)
        failed = [row for row in map(json.loads, file) if "failed" in row]
    print(f"{len(failed)} rows tell of a failure; all rows: {rows}")
    return 1 if failed else 0


def run(step: Step, seconds: float, rows: Path, work: Path, *, rehearse: bool) -> None:
    """One step, ended when its time is over."""
    context = multiprocessing.get_context("forkserver")
    # Imports, of torch above all, are made once for all steps. They touch no CUDA.
    context.set_forkserver_preload(["tests.gpu.step", *sorted({s.module for s in STEPS})])
    process = context.Process(
        target=step_process.run,
        args=(step.name, step.function, rows, work, seconds - ENDING_S / 2),
        kwargs={"rehearse": rehearse},
    )
    process.start()
    assert process.pid is not None
    try:
        process.join(seconds)
        if process.is_alive():
            write(rows, step.name, {"failed": f"not at its end after {seconds:.0f} s"})
        elif process.exitcode:
            write(rows, step.name, {"failed": f"it ended with {process.exitcode}"})
    finally:
        process.terminate()
        process.join(ENDING_S)
        # Its own session, whatever is left of it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


if __name__ == "__main__":
    sys.exit(main())
