"""Answers whose true accuracy and noise are known (tests/coin_task.py)."""

from __future__ import annotations

import numpy as np

from tests.coin_task import DATA, QUESTIONS, answers, run, truth

__all__ = ["LABELS", "QUESTIONS_ASKED", "accuracy", "answers_by"]

QUESTIONS_ASKED = np.arange(QUESTIONS)
LABELS = truth(QUESTIONS_ASKED)


def answers_by(quality: float, seed: int) -> np.ndarray:
    return answers(QUESTIONS_ASKED, *run(quality, seed))


def accuracy(predictions: np.ndarray) -> float:
    return DATA.objective(LABELS, predictions)
