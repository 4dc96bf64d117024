"""Scores whose noise is known: of seeds, of examples, and of both."""

from __future__ import annotations

import numpy as np

__all__ = ["runs"]


def runs(
    random: np.random.Generator,
    *,
    seeds: int,
    examples: int,
    seed_sd: float = 0.0,
    example_sd: float = 1.0,
    rest_sd: float = 0.7,
    score: float = 0.0,
) -> np.ndarray:
    """(S, N) values whose expected mean is `score`."""
    values_SN: np.ndarray = (
        score
        + seed_sd * random.standard_normal((seeds, 1))
        + example_sd * random.standard_normal((1, examples))
        + rest_sd * random.standard_normal((seeds, examples))
    )
    return values_SN
