"""Randomness is passed, never global: every seed derives from another by name."""

from __future__ import annotations

import hashlib

__all__ = ["derive"]


def derive(seed: int, *path: int | str) -> int:
    """A seed in [0, 2⁶³) for the purpose named by `path`, independent of all other paths.

    `derive(0, "trial", 7)` is the same on every machine and in every process.
    """
    digest = hashlib.sha256(repr((seed, *path)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
