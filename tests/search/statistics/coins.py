"""Answers whose true accuracy and noise are known (tests/coin_task.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.coin_task import DATA, QUESTIONS, answers, run, truth

__all__ = ["LABELS", "QUESTIONS_ASKED", "accuracy", "answers_by", "right"]

QUESTIONS_ASKED = np.arange(QUESTIONS)
LABELS = truth(QUESTIONS_ASKED)


def answers_by(quality: float, seed: int) -> np.ndarray:
    return answers(QUESTIONS_ASKED, *run(quality, seed))


def right(runs: Sequence[np.ndarray]) -> np.ndarray:
    """(S, N): the values whose means are the runs' accuracies."""
    return (np.stack(runs) == LABELS).astype(float)


def accuracy(predictions: np.ndarray) -> float:
    return DATA.objective(LABELS, predictions)
