"""Kill a study at random moments, resume it, and compare it with one that was left alone.

    python -m tests.chaos --kills 20 [--seed 0] [--postgresql]

Real processes: the driver, its workers and the MLflow projection are killed by SIGKILL, from
outside at random moments (set-up and summary included) and from inside a database commit or a
checkpoint's writing (tests/chaos_hooks). Prints a line a kill, with what became of the command, and
a line a study: commands that hung or failed though their driver lived, trials lost, doubled, tables
that differ, MLflow's runs. With --postgresql the record is in a server of that kind, which crashes
too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from search.record.record import open_record
from tests.chaos_verdict import Verdict, judge
from tests.postgres import PostgresServer, postgres_server

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["sts", "--dataset", "toy", "--trials", "10", "--workers", "1", "--quiet"]
KILLS_A_STUDY = 4
LONGEST_S = 120.0  # a command


@dataclass(frozen=True)
class Kill:
    """What became of a command that was disturbed."""

    moment: str  # of the kill; "": it came too late, the study had ended
    code: int | None  # None: it hung
    driver: bool = False  # whether it was the driver's, or its record's: then it may fail

    @property
    def good(self) -> bool:
        return self.code == 0 or (self.code is not None and self.driver and self.moment != "")

    def __str__(self) -> str:
        moment = self.moment or "too late: the study had ended"
        return f"{moment}, {'HUNG' if self.code is None else f'exit code {self.code}'}"


Kind = Callable[[Path, list[str], random.Random], Kill]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    chance, kinds = random.Random(options.seed), KINDS
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.postgresql:
            server = stack.enter_context(postgres_server())
            os.environ["SEARCH_RECORD"] = server.database()
            kinds = [*KINDS, killing(server)]
        verdicts = chaos(folder, options.kills, chance, kinds)
    good = sum(verdict.good for verdict in verdicts)
    print(
        f"{options.kills} kills in {len(verdicts)} studies: "
        f"{sum(v.broken for v in verdicts)} commands hung or failed, "
        f"{sum(v.lost for v in verdicts)} trials lost, {sum(v.doubled for v in verdicts)} doubled, "
        f"{sum(v.differing for v in verdicts)} differing tables, "
        f"{sum(v.weights_differ for v in verdicts)} differing weights, "
        f"{sum(v.mlflow != 'complete' for v in verdicts)} incomplete in MLflow"
    )
    return 0 if good == len(verdicts) else 1


def chaos(folder: Path, kills: int, chance: random.Random, kinds: list[Kind]) -> list[Verdict]:
    """So many kills, four to a study; the verdict on each study."""
    run(folder, "run", *ARGUMENTS, "--name", "undisturbed")
    verdicts = []
    done = 0
    while done < kills:
        name, broken = f"study{len(verdicts)}", 0
        for number in range(min(kills - done, KILLS_A_STUDY)):
            kind = chance.choice(kinds)
            print(f"{name} kill {number}: {kind.__doc__}", end=" ", flush=True)
            kill = kind(folder, _command(folder, name), chance)
            print(kill, flush=True)
            broken += not kill.good
            if not kill.moment:  # does not count, and there is nothing left to kill
                break
            done += 1
        run(folder, *_command(folder, name))
        run(folder, "sync", name)
        verdicts.append(judge(folder, name, broken))
        print(f"{name}: {verdicts[-1]}", flush=True)
    return verdicts


def _command(folder: Path, name: str) -> list[str]:
    if exists(folder, name):
        return ["resume", name, "--quiet"]
    return ["run", *ARGUMENTS, "--name", name]


def kill_driver(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """the driver, at a random moment"""
    kill = _kill_from_outside(folder, command, chance, lambda process: process)
    return replace(kill, driver=True)


def kill_worker(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """a worker, at a random moment"""
    return _kill_from_outside(folder, command, chance, lambda p: _child(p, "SegmentTrainable"))


def kill_tracking(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """the MLflow projection, at a random moment"""
    return _kill_from_outside(folder, command, chance, lambda p: _child(p, "search.tracking"))


def kill_in_commit(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """the driver, inside a database commit"""
    kill = _kill_from_inside(folder, command, f"driver:commit:{chance.randint(1, 30)}")
    return replace(kill, driver=True)


def kill_after_commit(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """the driver, right after a database commit"""
    kill = _kill_from_inside(folder, command, f"driver:committed:{chance.randint(1, 30)}")
    return replace(kill, driver=True)


def kill_in_checkpoint(folder: Path, command: list[str], chance: random.Random) -> Kill:
    """a worker, while a checkpoint is written"""
    return _kill_from_inside(folder, command, f"worker:fsync:{chance.randint(1, 16)}")


def killing(server: PostgresServer) -> Kind:
    def kill_server(folder: Path, command: list[str], chance: random.Random) -> Kill:
        """the record's server, at a random moment, for some seconds"""
        process = _start(folder, command)
        moment = chance.uniform(4, 16)
        time.sleep(moment)
        too_late = process.poll() is not None
        server.stop("immediate")
        time.sleep(chance.uniform(0, 6))
        server.start()
        code = _exit_code(process, LONGEST_S)
        return Kill("" if too_late else f"at {moment:.1f} s", code, driver=True)

    return kill_server


KINDS: list[Kind] = [
    kill_driver,
    kill_worker,
    kill_tracking,
    kill_in_commit,
    kill_after_commit,
    kill_in_checkpoint,
]


def run(folder: Path, *arguments: str) -> None:
    """A command that must end well."""
    done = _start(folder, list(arguments))
    out, err = done.communicate(timeout=2 * LONGEST_S)
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}: {out} {err}")


def exists(folder: Path, name: str) -> bool:
    if "SEARCH_RECORD" not in os.environ and not (folder / "studies" / "record.db").exists():
        return False
    record = open_record(folder / "studies", create=True)
    return name in [study.name for study in record.studies()]


def _start(folder: Path, arguments: list[str], **chaos: str) -> subprocess.Popen[str]:
    path = f"{ROOT}/tests/chaos_hooks:{ROOT}"
    return subprocess.Popen(
        [sys.executable, "-m", "search", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **chaos},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _kill_from_outside(
    folder: Path,
    command: list[str],
    chance: random.Random,
    whom: Callable[[psutil.Process], psutil.Process | None],
) -> Kill:
    process = _start(folder, command)
    begun = time.monotonic()
    moment = begun + chance.uniform(0.5, _takes_s(folder))
    killed = ""
    while process.poll() is None and time.monotonic() < begun + LONGEST_S:
        if time.monotonic() >= moment and not killed:
            with contextlib.suppress(psutil.Error):
                target = whom(psutil.Process(process.pid))
                if target is not None:
                    target.kill()
                    killed = f"at {time.monotonic() - begun:.1f} s"
        time.sleep(0.05)
    return Kill(killed, _exit_code(process, begun + LONGEST_S - time.monotonic()))


def _takes_s(folder: Path) -> float:
    """A study that is left alone, from Enter to prompt."""
    record = open_record(folder / "studies")
    return record.history(record.study("undisturbed")).spans[0].wall_s + 2


def _kill_from_inside(folder: Path, command: list[str], plan: str) -> Kill:
    mark = folder / f"mark-{time.monotonic_ns()}"
    process = _start(folder, command, CHAOS_KILL=plan, CHAOS_MARK=str(mark))
    code = _exit_code(process, LONGEST_S)
    return Kill(plan if mark.exists() else "", code)


def _exit_code(process: subprocess.Popen[str], seconds: float) -> int | None:
    """Of the process, when it has ended; None if it did not, and was killed."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    return process.returncode


def _child(process: psutil.Process, part: str) -> psutil.Process | None:
    for child in process.children(recursive=True):
        if part in " ".join(child.cmdline()):
            return child
    return None


if __name__ == "__main__":
    sys.exit(main())
