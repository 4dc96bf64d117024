"""Whole studies on a card, through Ray, as a user types them: killed, resumed, promoted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from search.decisions.history import History
from search.record.record import Record, open_record
from tests.gpu.card import CardWatch
from tests.gpu.setting import ROOT, Row, Setting

__all__ = ["hungry", "killed_and_resumed", "promotion", "tables"]

Key = tuple[int, int]  # trial, epoch
ENDING_S = 25.0  # from a spent time budget to the summary: epochs that end, MLflow


def killed_and_resumed(setting: Setting) -> Iterator[Row]:
    """`run cnn`, a quarter of the card a trial; its driver killed half-way, and resumed."""
    name, goal = time.strftime("cnn-%H%M%S"), 2 if setting.rehearse else 40
    size = ["--dataset", "toy", "--trials", "4", "--max-epochs", "4"]
    if not setting.rehearse:
        size = ["--gpus-per-trial", "0.25", "--trials", "32", "--max-epochs", "6"]
    begun, half = time.monotonic(), time.monotonic() + setting.left_s / 2
    with CardWatch() as watch, _command(setting, "run", "cnn", *size, "--name", name) as process:
        while len(before := _epochs(setting, name)) < goal and time.monotonic() < half:
            if process.poll() is not None:
                raise RuntimeError(f"the study ended by itself: {_said(process)}")
            time.sleep(0.2)
        process.kill()
        process.wait()
    yield {
        "what": "study until kill -9",
        "epochs": len(before),
        "seconds": time.monotonic() - begun,
        "utilisation": watch.utilisation,
        "memory_mib": watch.memory_mib,
    }

    budget = f"{max(setting.left_s - ENDING_S, 1):.0f}s"
    with CardWatch() as watch:
        summary = _run(setting, "resume", name, "--json", "--time-budget", budget)
    after = _epochs(setting, name)
    lost = [key for key, metrics in before.items() if after.get(key) != metrics]
    yield {
        "what": "resumed",
        "epochs_lost": len(lost),
        "state": summary["state"],
        "trials": summary["trials"],
        "best": summary["best"] and summary["best"]["value"],
        "epochs": summary["epochs"],
        "epochs_planned": summary["epochs_planned"],
        "wall_s": summary["wall_s"],
        "utilisation": watch.utilisation,
        "memory_mib": watch.memory_mib,
        **({"failed": f"lost or altered epochs: {lost}"} if lost else {}),
    }


def hungry(setting: Setting) -> Iterator[Row]:
    """One of four trials, at once on one card, wants more memory than its share."""
    name = time.strftime("hungry-%H%M%S")
    size = ["--trials", "4", "--max-epochs", "3", "--min-epochs", "3"]
    size += ["--dataset", "toy"] if setting.rehearse else ["--gpus-per-trial", "0.25"]
    task = "tests.gpu.hungry_task:TASK"
    summary = _run(setting, "run", task, *size, "--name", name, "--json")
    history = _history(setting, name)
    assert history is not None
    hungry, *healthy = sorted(history.trials, key=lambda t: t.suggestion.source != "hungry")
    reason = hungry.failures[-1].reason if hungry.failures else "it did not fail"
    whole = sum(trial.epoch == 3 and not trial.failures for trial in healthy)
    wrong = not hungry.failed or "emory" not in reason or whole < len(healthy)
    yield {
        "what": "out of memory",
        "hungry": reason,
        "attempts": len(hungry.failures),
        "healthy_complete": whole,
        "state": summary["state"],
        **({"failed": "not as it must be"} if wrong else {}),
    }


def promotion(setting: Setting) -> Iterator[Row]:
    """The newest study of the step `study`, promoted: its best twice over, and one tested."""
    names = [study.name for study in _record(setting).studies() if study.config.task == "cnn"]
    names = [name for name in names if "." not in name]
    if not names:
        raise RuntimeError("there is no study to promote: run the step `study` first")
    size = ["--top", "1", "--runs", "2"] if setting.rehearse else ["--top", "2", "--runs", "4"]
    size += ["--final-seeds", "1"]
    begun = time.monotonic()
    with CardWatch() as watch:
        result = _run(setting, "promote", sorted(names)[-1], *size, "--json")
    yield {
        "what": "promotion",
        "search": result["search"]["value"],
        "fresh": result["fresh"]["mean"],
        "test": result["final"]["test"]["mean"],
        "seconds": time.monotonic() - begun,
        "utilisation": watch.utilisation,
    }


def tables(setting: Setting) -> Iterator[Row]:
    """The report's rows of ResNet-18, on all 50,000 images, read on test; one seed each."""
    size = ["table3", "--gpus-per-trial", "0.25"]
    if setting.rehearse:
        size = ["table1", "--dataset", "toy", "--train-examples", "128", "--epochs", "1"]
    table = _run(setting, "reproduce", *size, "--seeds", "1", "--json")
    for row in table["rows"]:
        yield {
            "what": row["label"],
            **{name: known and known["mean"] for name, known in row["ours"].items()},
            "reported": row["reported"],
            "reduced": table["reduced"],
        }


def _run(setting: Setting, *arguments: str) -> Any:
    """What a command that ends well prints as JSON in its last line. Raises RuntimeError."""
    with _command(setting, *arguments) as process:
        try:
            out, err = process.communicate(timeout=max(setting.left_s, 1))
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"no time for {' '.join(arguments[:2])} to end") from None
    if process.returncode:
        raise RuntimeError((err or out).strip().splitlines()[-1])
    return json.loads(out.splitlines()[-1])


@contextmanager
def _command(setting: Setting, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m search ARGUMENTS` in the work folder; interrupted if it still runs at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "search", *arguments, "--quiet"],
        cwd=setting.work,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    return (err or out).strip()


def _record(setting: Setting) -> Record:
    return open_record(setting.work / "studies", create=True)


def _history(setting: Setting, name: str) -> History | None:
    """None while the study is not on record yet."""
    record = _record(setting)
    return record.history(record.study(name)) if name in record.names() else None


def _epochs(setting: Setting, name: str) -> dict[Key, dict[str, float]]:
    """The metrics of every epoch on record."""
    history = _history(setting, name)
    return {
        (trial.number, epoch.epoch): dict(epoch.metrics)
        for trial in (history.trials if history else ())
        for epoch in trial.epochs
    }
