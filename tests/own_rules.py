"""A user's own sampler and schedulers, as search/decisions/own.py has them."""

from __future__ import annotations

import random
from typing import Any

from optuna.samplers import RandomSampler


def near_the_best(asked: Any) -> dict[str, Any]:
    """By turns anywhere, and near the best so far."""
    drawn: dict[str, Any] = asked.draw(RandomSampler(seed=asked.seed))
    known = [trial for trial in asked.trials if trial.scores and trial.state != "failed"]
    if known and asked.number % 2:
        best = max(known, key=lambda trial: trial.scores[-1])
        drawn["x"] = min(max(best.config["x"] + random.Random(asked.seed).gauss(0, 0.1), 0), 1)
    return drawn


def outside(asked: Any) -> dict[str, Any]:
    return {"x": 7.0, "kind": "plain"}


def nothing(asked: Any) -> None:
    return None


def failing(given: Any) -> None:
    raise RuntimeError("no idea")


def best_goes_on(free: Any) -> tuple[int, int] | None:
    """An epoch at a time: by turns a new trial, and the best of those that are paused."""
    paused = [trial for trial in free.trials if trial.state == "paused" and trial.scores]
    if free.more and (not paused or len(free.trials) % 2 == len(paused) % 2):
        return len(free.trials), free.min_epochs
    if not paused:
        return None
    best = max(paused, key=lambda trial: (trial.scores[-1], -trial.number))
    if not free.more and best.target > free.min_epochs:
        return None
    return best.number, best.target + 1


def stuck(free: Any) -> tuple[int, int]:
    return 5, 1
