"""Many comparisons at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those at most .05 hold together, in 95% of all such sets of comparisons.

    Holm 1979 (Scand. J. Stat. 6, 65-70): the k-th smallest of m is multiplied by m + 1 - k, and is
    never below a smaller one's. It asks for no independence.
    """
    p_M = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_M)
    stepped = np.maximum.accumulate(p_M[order] * np.arange(len(p_M), 0, -1))
    adjusted = np.empty_like(p_M)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(p_value) for p_value in adjusted]
