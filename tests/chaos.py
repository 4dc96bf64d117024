"""Disturb studies at random moments, resume them, and compare with those that were left alone.

    python -m tests.chaos --kills 50 [--seed 0] [--only failing-code]

Real processes: the driver, its workers and the MLflow projection are killed by SIGKILL, from
outside at random moments (set-up and summary included) and from inside a database commit or a
checkpoint's writing (tests/chaos_hooks); a record in a file is locked by another program, or
moved away for a while; a record's PostgreSQL crashes. The studies in turn (chaos_studies.py): a
real training, code that fails in every way, a slow storage, a record in PostgreSQL. Prints a line
a kill, with what became of the command, and a line a study: commands that hung or failed though
their driver lived, trials lost, doubled, tables that differ, MLflow's runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from tests.chaos_studies import Setting, Victim, settings
from tests.chaos_verdict import Verdict, judge
from tests.postgres import PostgresServer, postgres_server

KILLS_A_STUDY = 4
LONGEST_S = 180.0  # a command


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


Kind = Callable[[Victim, random.Random], Kill]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="studies of this name alone")
    options = parser.parse_args()
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(_server())
        chosen = settings(folder, server.database() if server else None)
        chosen = [setting for setting in chosen if options.only in setting.name]
        chance = random.Random(options.seed)
        verdicts = chaos(folder, options.kills, chance, chosen, server)
    good = sum(verdict.good for verdict in verdicts)
    print(f"{time.monotonic() - begun:.0f} s")
    print(
        f"{options.kills} kills in {len(verdicts)} studies: "
        f"{sum(v.broken for v in verdicts)} commands hung or failed, "
        f"{sum(v.lost for v in verdicts)} trials lost, {sum(v.doubled for v in verdicts)} doubled, "
        f"{sum(v.differing for v in verdicts)} differing tables, "
        f"{sum(v.weights_differ for v in verdicts)} differing weights, "
        f"{sum(v.mlflow != 'complete' for v in verdicts)} incomplete in MLflow"
    )
    return 0 if good == len(verdicts) else 1


@contextlib.contextmanager
def _server() -> Iterator[PostgresServer | None]:
    """None where PostgreSQL is not installed."""
    if shutil.which("initdb") is None and not list(Path("/usr/lib/postgresql").glob("*/bin")):
        yield None
        return
    with postgres_server() as server:
        yield server


def chaos(
    folder: Path,
    kills: int,
    chance: random.Random,
    chosen: Sequence[Setting],
    server: PostgresServer | None,
) -> list[Verdict]:
    """So many kills, four to a study, the settings in turn; the verdict on each study."""
    verdicts: list[Verdict] = []
    done = 0
    while done < kills:
        setting = chosen[len(verdicts) % len(chosen)]
        if len(verdicts) < len(chosen):
            run(Victim(folder, setting, setting.alone))
        victim, broken = Victim(folder, setting, f"study{len(verdicts)}"), 0
        for number in range(min(kills - done, KILLS_A_STUDY)):
            kind = chance.choice(kinds_for(setting, server))
            print(f"{victim.name} ({setting.name}) kill {number}: {kind.__doc__}", end=" ")
            sys.stdout.flush()
            kill = kind(victim, chance)
            print(kill, flush=True)
            broken += not kill.good
            if not kill.moment:  # does not count, and there is nothing left to kill
                break
            done += 1
        run(victim)
        run(victim, "sync", victim.name)
        store = f"sqlite:///{folder}/mlflow.db"
        verdicts.append(judge(victim.record(), store, victim.name, setting.alone, broken))
        print(f"{victim.name}: {verdicts[-1]}", flush=True)
    return verdicts


def kinds_for(setting: Setting, server: PostgresServer | None) -> list[Kind]:
    if setting.in_sqlite:
        return [*KINDS, lock_database, move_database]
    assert server is not None
    return [*KINDS, killing(server)]


def kill_driver(victim: Victim, chance: random.Random) -> Kill:
    """the driver, at a random moment"""
    kill = _kill_from_outside(victim, chance, lambda process: process)
    return replace(kill, driver=True)


def kill_worker(victim: Victim, chance: random.Random) -> Kill:
    """a worker, at a random moment"""
    return _kill_from_outside(victim, chance, lambda p: _child(p, "SegmentTrainable"))


def kill_tracking(victim: Victim, chance: random.Random) -> Kill:
    """the MLflow projection, at a random moment"""
    return _kill_from_outside(victim, chance, lambda p: _child(p, "search.tracking"))


def kill_in_commit(victim: Victim, chance: random.Random) -> Kill:
    """the driver, inside a database commit"""
    kill = _kill_from_inside(victim, f"driver:commit:{chance.randint(1, 30)}")
    return replace(kill, driver=True)


def kill_after_commit(victim: Victim, chance: random.Random) -> Kill:
    """the driver, right after a database commit"""
    kill = _kill_from_inside(victim, f"driver:committed:{chance.randint(1, 30)}")
    return replace(kill, driver=True)


def kill_in_checkpoint(victim: Victim, chance: random.Random) -> Kill:
    """a worker, while a checkpoint is written"""
    return _kill_from_inside(victim, f"worker:fsync:{chance.randint(1, 16)}")


def lock_database(victim: Victim, chance: random.Random) -> Kill:
    """the record, locked by another program for some seconds"""
    process, moment, too_late = _begin_and_wait(victim, chance)
    with contextlib.closing(sqlite3.connect(victim.database, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(chance.uniform(1, 8))
        other.rollback()
    return Kill("" if too_late else moment, _exit_code(process, LONGEST_S))


def move_database(victim: Victim, chance: random.Random) -> Kill:
    """the record, moved away for some seconds"""
    process, moment, too_late = _begin_and_wait(victim, chance)
    away = victim.database.with_name("record.db.away")
    victim.database.rename(away)
    time.sleep(chance.uniform(0.5, 5))
    away.rename(victim.database)
    return Kill("" if too_late else moment, _exit_code(process, LONGEST_S), driver=True)


def killing(server: PostgresServer) -> Kind:
    def kill_server(victim: Victim, chance: random.Random) -> Kill:
        """the record's server, at a random moment, for some seconds"""
        process, moment, too_late = _begin_and_wait(victim, chance)
        server.stop("immediate")
        time.sleep(chance.uniform(0, 6))
        server.start()
        return Kill("" if too_late else moment, _exit_code(process, LONGEST_S), driver=True)

    return kill_server


KINDS: list[Kind] = [
    kill_driver,
    kill_worker,
    kill_tracking,
    kill_in_commit,
    kill_after_commit,
    kill_in_checkpoint,
]


def run(victim: Victim, *arguments: str) -> None:
    """A command that must end well."""
    process = victim.start(*arguments)
    said, _ = process.communicate(timeout=2 * LONGEST_S)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}: {said}")


def _begin_and_wait(
    victim: Victim, chance: random.Random
) -> tuple[subprocess.Popen[str], str, bool]:
    """A command at a random moment of its life; whether it had ended by then."""
    process = victim.start()
    moment = chance.uniform(1, victim.takes_s)
    ends = time.monotonic() + moment
    while time.monotonic() < ends and process.poll() is None:
        time.sleep(0.05)
    return process, f"at {moment:.1f} s", process.poll() is not None


def _kill_from_outside(
    victim: Victim,
    chance: random.Random,
    whom: Callable[[psutil.Process], psutil.Process | None],
) -> Kill:
    process = victim.start()
    begun = time.monotonic()
    moment = begun + chance.uniform(0.5, victim.takes_s)
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


def _kill_from_inside(victim: Victim, plan: str) -> Kill:
    mark = victim.folder / f"mark-{time.monotonic_ns()}"
    process = victim.start(CHAOS_KILL=plan, CHAOS_MARK=str(mark))
    code = _exit_code(process, LONGEST_S)
    return Kill(plan if mark.exists() else "", code)


def _exit_code(process: subprocess.Popen[str], seconds: float) -> int | None:
    """Of the process, when it has ended; None if it did not, and was killed."""
    try:
        said, _ = process.communicate(timeout=seconds)
        if process.returncode not in (0, -signal.SIGKILL):
            print(f"[{(said or '').strip()[-300:]}]", end=" ")
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
