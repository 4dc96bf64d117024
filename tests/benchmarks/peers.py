"""The same training by us and by three ways to glue the same libraries; from Enter to prompt.

    python -m tests.benchmarks.peers [--trials 32] [--repeats 3] [--dataset toy]

Each repeat runs a study of ours, `search run sts` with the repeat's number as seed, takes from
its record the configurations, seeds and epochs reached, and has each peer train exactly those:
(a) Ray's OptunaSearch, ASHAScheduler and MLflowLoggerCallback around a function, as documented;
(b) the same well used: reused processes, one thread; (c) plain Optuna, processes on one journal
file, each logging to MLflow. All with an empty MLflow store in SQLite. Ours writes a checkpoint
at every rung and a durable record, draws its configurations and prints intervals; the peers do
not. Checked after each: MLflow holds every trial with the last score of our record, bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from optuna.trial import FixedTrial

from search.record.record import open_record
from search.tasks.registry import find_task
from tests.benchmarks.peer_work import METRIC, Work

TASK = "sts"
PEERS = {  # name: module and arguments, and how long ours may take against it
    "(a) Ray Tune as documented": (["peer_ray", "documented"], 0.75),
    "(b) Ray Tune well used": (["peer_ray", "well_used"], 0.95),
    "(c) plain Optuna": (["peer_optuna"], 1.10),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dataset", default=find_task(TASK).data.DATASETS[0])
    options = parser.parse_args()
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in PEERS}
    for seed in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            seconds, work = run_ours(Path(folder), seed, options)
            ours.append(seconds)
            epochs = sum(trial["epochs"] for trial in work.trials)
            print(f"seed {seed}: {epochs} epochs; ours {seconds:.1f} s", end="", flush=True)
            for name, (arguments, _) in PEERS.items():
                theirs[name].append(run_peer(Path(folder), arguments, work))
                print(f", {name} {theirs[name][-1]:.1f} s", end="", flush=True)
            print()
    print(f"\n{options.trials} trials, {options.workers} workers, medians of {options.repeats}")
    print(f"{'ours':<30}{median(ours):>7.1f} s   ours / this (lowest-highest), at most")
    for name, (_, most) in PEERS.items():
        ratios = [a / b for a, b in zip(ours, theirs[name], strict=True)]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"{name:<30}{median(theirs[name]):>7.1f} s   {median(ratios):.2f} {spread}  {most}")


def run_ours(folder: Path, seed: int, options: argparse.Namespace) -> tuple[float, Work]:
    """Seconds, and what was done."""
    task = find_task(TASK)
    prepared = task.data.prepare(options.dataset, None)  # by all, before the clock starts
    command = ["search", "run", TASK, "--name", "ours", "--dataset", options.dataset]
    for name in ("trials", "workers"):
        command += [f"--{name}", str(getattr(options, name))]
    seconds = _timed([*command, "--seed", str(seed), "--quiet"], folder / "ours")
    record = open_record(folder / "ours" / "studies")
    study = record.study("ours")
    trials = [
        {
            "point": task.space(FixedTrial(dict(trial.suggestion.config))),
            "seed": trial.suggestion.seed,
            "epochs": trial.epoch,
            "score": trial.value(METRIC),
        }
        for trial in record.history(study).trials
        if trial.epochs
    ]
    work = Work(
        data=str(prepared.folder),
        max_epochs=study.config.max_epochs,
        workers=options.workers,
        trials=trials,
    )
    _check(work, folder / "ours")
    return seconds, work


def run_peer(folder: Path, arguments: list[str], work: Work) -> float:
    module, *rest = arguments
    place = folder / "-".join(arguments)
    description = folder / "work.json"
    description.write_text(json.dumps(dataclasses.asdict(work)))
    seconds = _timed([f"tests.benchmarks.{module}", *rest, str(description)], place)
    _check(work, place)
    return seconds


def _timed(module_and_arguments: list[str], folder: Path) -> float:
    """Wall seconds of `python -m …` in a new folder. SystemExit with what it said if it fails."""
    folder.mkdir()
    # What importing search/ has set for our own Ray is not for the peers'.
    plain = {n: v for n, v in os.environ.items() if not n.startswith(("RAY_", "TUNE_"))}
    entered = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *module_and_arguments],
        cwd=folder,
        env={**plain, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - entered
    if done.returncode:
        raise SystemExit(f"{' '.join(module_and_arguments)} failed:\n{done.stderr}")
    return seconds


def _check(work: Work, folder: Path) -> None:
    """MLflow holds each trial's last score. SystemExit if it does not."""
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        found = store.execute("SELECT value FROM latest_metrics WHERE key = ?", [METRIC])
        missing = Counter(t["score"] for t in work.trials) - Counter(value for (value,) in found)
    if missing:
        raise SystemExit(f"{folder.name}: not in MLflow: {dict(missing)}")


if __name__ == "__main__":
    main()
