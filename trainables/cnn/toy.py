"""Small made-up images for tests and demonstrations: no files, no network, seconds to learn."""

from __future__ import annotations

import numpy as np

__all__ = ["images"]

CLASSES = 10


def images(noise: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """1,000 noisy images, a hundred of each class: each class has its own coarse pattern.

    `noise`: a seed of other noise on the same patterns.
    """
    stream = np.random.RandomState(0)
    patterns = stream.randint(64, 192, (CLASSES, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    labels_N = np.arange(1000) % CLASSES
    if noise is not None:
        stream = np.random.RandomState(noise)
    noisy = patterns[labels_N] + stream.normal(0, 50, (1000, 32, 32, 3))
    return noisy.clip(0, 255).astype(np.uint8), labels_N
