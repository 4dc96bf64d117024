"""Runs whose true score is known, with noise of seeds and of examples. S seeds, N examples.

Of an example's noise half is its own difficulty, the same in every run; a fifth is the same in all
runs of one configuration; the rest is new in each.
"""

from __future__ import annotations

import math

import numpy as np

from trainables.metrics import pearson_per_example

__all__ = ["CORRELATION", "RUN", "correlations", "example_error", "means"]

# Shares of the variance of an example's noise.
SHARED, CONFIGURATION, RUN = 0.5, 0.2, 0.3
CORRELATION = 0.6  # the true one of `correlations`
BLOCKS = 1000


def means(
    random: np.random.Generator,
    configurations: int,
    seeds: int,
    examples: int,
    seed_sd: float,
    spread: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """(C, S, N) normal values, of variance 1 in a run, and each run's true score (C, S).

    Configurations deviate by `spread`. Of more than 1,000 examples the means of 1,000 blocks,
    which are as normal.
    """
    count = min(examples, BLOCKS)
    scale = math.sqrt(count / examples)
    noise_CSN = np.float32(scale) * _noise(random, configurations, seeds, count)
    true_CS = seed_sd * random.standard_normal((configurations, seeds))
    true_CS += spread * random.standard_normal((configurations, 1))
    return noise_CSN + true_CS[..., None], true_CS


def correlations(
    random: np.random.Generator,
    configurations: int,
    seeds: int,
    examples: int,
    seed_sd: float,
    spread: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """As `means`, of Pearson's r; runs' true ones are .6 and what seeds and spread add."""
    true_CS = CORRELATION + seed_sd * random.standard_normal((configurations, seeds))
    true_CS = np.clip(true_CS + spread * random.standard_normal((configurations, 1)), 0.05, 0.99)
    labels_N = random.standard_normal(examples)
    noise_CSN = _noise(random, configurations, seeds, examples)
    values_CSN = np.empty(noise_CSN.shape)
    for c, s in np.ndindex(configurations, seeds):
        noise_N = math.sqrt(1 / true_CS[c, s] ** 2 - 1) * noise_CSN[c, s]
        values_CSN[c, s] = pearson_per_example(labels_N, labels_N + noise_N)
    return values_CSN, true_CS


def example_error(metric: str, examples: int) -> float:
    """The standard error of one run's score by its examples."""
    return (1.0 if metric == "mean" else 1 - CORRELATION**2) / math.sqrt(examples)


def _noise(
    random: np.random.Generator, configurations: int, seeds: int, examples: int
) -> np.ndarray:
    """(C, S, N) normal numbers of variance 1."""
    shape = (configurations, seeds, examples)
    noise_CSN = np.float32(math.sqrt(RUN)) * random.standard_normal(shape, dtype=np.float32)
    for share, count in ((CONFIGURATION, configurations), (SHARED, 1)):
        own = random.standard_normal((count, 1, examples), dtype=np.float32)
        noise_CSN += np.float32(math.sqrt(share)) * own
    return noise_CSN
