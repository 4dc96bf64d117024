"""`run sts --trials 64` from Enter to prompt, and where the time goes.

    python -m tests.benchmarks.main_job [--seeds 0 1 2] [--no-baseline] [--trials 64]

Each study runs as a user would type it, in an empty folder. Printed per study: the best complete
trial, epochs, wall time, utilisation, the times a user waits, and what the cores did otherwise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from search.decisions.history import EpochEnd, Segment
from search.record.record import open_record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--no-baseline", action="store_true")
    options = parser.parse_args()
    extra = ["--no-baseline"] if options.no_baseline else []
    rows = [measure(seed, options.trials, extra) for seed in options.seeds]
    print(f"{'seed':<34}" + "".join(f"{row['seed']:>12}" for row in rows) + f"{'mean':>12}")
    for name in [name for name in rows[0] if name != "seed"]:
        values = [row[name] for row in rows]
        shown = "".join(f"{value:>12.4g}" for value in values)
        print(f"{name:<34}{shown}{statistics.mean(values):>12.4g}")


def measure(seed: int, trials: int, extra: list[str]) -> dict[str, Any]:
    """One study, as a user would run it."""
    data = [str(place.resolve()) for place in (Path("data"), Path("../shared/data"))]
    data_dir = next((place for place in data if Path(place).is_dir()), None)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "search", "run", "sts", "--trials", str(trials)]
        command += ["--seed", str(seed), "--name", "main", "--json", "--quiet", *extra]
        command += ["--data-dir", data_dir] if data_dir else []
        entered = time.time()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        ended = time.time()
        if done.returncode:
            raise SystemExit(done.stderr)
        summary = json.loads(done.stdout.splitlines()[-1])
        record = open_record(Path(folder) / "studies")
        events = record.events(record.study("main"))
    return {"seed": seed, **times(summary, events, entered, ended)}


def times(
    summary: dict[str, Any], events: list[Any], entered: float, ended: float
) -> dict[str, Any]:
    """Seconds, and shares of the cores' time between the first trial's start and last one's end."""
    starts = [at for _, at, event in events if isinstance(event, Segment)]
    epochs = [(at, event) for _, at, event in events if isinstance(event, EpochEnd)]
    begun, last = starts[0], epochs[-1][0]
    window = last - begun
    cores = summary["train_s"] / summary["utilisation"]  # seconds
    workers = round(cores / window)
    trial_ends: dict[int, float] = {}
    for at, event in epochs:
        trial_ends[event.trial] = at
    last_of_workers = sorted(trial_ends.values())[-workers:]
    usage = summary["details"]["cpu_s"]
    training_wall = sum(event.wall_s for _, event in epochs)
    first_epochs = sorted(at - event.wall_s - event.reset_s for at, event in epochs)[:workers]
    return {
        "best dev Pearson": summary["best"]["value"],
        "above TF-IDF": summary["best"]["value"] - summary["baselines"]["tfidf_cosine"]["value"],
        "epochs": summary["epochs"],
        "Enter to prompt, s": ended - entered,
        "Enter to first epoch result, s": epochs[0][0] - entered,
        "last result to prompt, s": ended - last,
        "utilisation": summary["utilisation"],
        "not training, share of core time": 1 - summary["utilisation"],
        "  process start": sum(at - begun for at in first_epochs) / cores,
        "  idle tail": sum(last - at for at in last_of_workers) / cores,
        "  reset between trials": sum(event.reset_s for _, event in epochs) / cores,
        "  epochs waiting for a core": (training_wall - summary["train_s"]) / cores,
        "CPU of others, share: driver": usage.get("driver", 0) / cores,
        "CPU of others, share: Ray": usage.get("ray", 0) / cores,
        "CPU of others, share: tracking": usage.get("tracking", 0) / cores,
    }


if __name__ == "__main__":
    main()
