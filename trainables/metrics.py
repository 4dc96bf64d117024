"""Metrics of predictions against labels, as plain floats. NumPy only, and fast: they are also
what a bootstrap calls thousands of times."""

from __future__ import annotations

import numpy as np

__all__ = ["mse", "pearson", "pearson_per_example", "ranks", "spearman"]


def pearson(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Pearson's r of two (N,) arrays in [-1, 1]; NaN where one of them is constant or not finite.

    A model that gives every pair the same score has no correlation, good or bad.
    """
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return float("nan")
    if np.ptp(labels) == 0 or np.ptp(predictions) == 0:
        return float("nan")
    x = labels - labels.mean(dtype=np.float64)
    y = predictions - predictions.mean(dtype=np.float64)
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))


def pearson_per_example(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """(N,) numbers whose mean is Pearson's r, and whose deviation over √N is its standard error.

    r + the influence of each pair, x y − r (x² + y²) / 2 of standardised numbers (Devlin,
    Gnanadesikan & Kettenring 1975, doi:10.1093/biomet/62.3.531). NaN where r is.
    """
    r = pearson(labels, predictions)
    if not np.isfinite(r):
        return np.full(len(labels), np.nan)
    x = labels - labels.mean(dtype=np.float64)
    y = predictions - predictions.mean(dtype=np.float64)
    x, y = x / np.sqrt(np.square(x).mean()), y / np.sqrt(np.square(y).mean())
    values: np.ndarray = r + x * y - r * (np.square(x) + np.square(y)) / 2
    return values


def spearman(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Spearman's ρ of two (N,) arrays: Pearson's r of their ranks, ties sharing the mean rank."""
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return float("nan")
    return pearson(ranks(labels), ranks(predictions))


def mse(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Mean squared error of two (N,) arrays, in squared units of the labels."""
    return float(np.square(labels - predictions, dtype=np.float64).mean())


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 of the (N,) values, ascending; equal values share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: np.ndarray = last - (counts - 1) / 2
    return shared[group]
