"""Sentences brought to one length, as the course report does; elsewhere none is padded.

Shapes: N pairs, S = 2N sentences, T tokens of all sentences, L tokens of a padded sentence.
"""

from __future__ import annotations

import numpy as np

from trainables.sts.data import Split

__all__ = ["LENGTH", "padded"]

LENGTH = 55  # L, the report's
_PADDING = 0  # row of the empty word


def padded(split: Split, padding: str, generator: np.random.Generator | None = None) -> Split:
    """`split` with LENGTH tokens a sentence; longer ones are cut.

    none: as it is. zero: the padding word follows a sentence's own. wrap: its own are repeated,
    from a random one on ("temporal random crop with wrap-around"), or without `generator` from
    the first.
    """
    if padding == "none":
        return split
    length_S = np.diff(split.starts)[:, None]
    step_L = np.arange(LENGTH)
    if padding == "zero":
        own_SL = step_L < length_S
        place_SL = np.minimum(step_L, length_S - 1)
    else:
        begins = 0 if generator is None else generator.integers(0, length_S)
        own_SL = np.full((len(length_S), LENGTH), True)
        place_SL = (step_L + begins) % length_S
    tokens_SL = np.asarray(split.tokens_T)[split.starts[:-1, None] + place_SL]
    return Split(
        tokens_T=np.where(own_SL, tokens_SL, _PADDING).astype(np.int32).reshape(-1),
        starts=np.arange(len(length_S) + 1, dtype=np.int32) * LENGTH,
        scores_N=split.scores_N,
    )
