"""How good is the best of many configurations, on examples it was not chosen on?

Arguments as in search/statistics/intervals.py: C configurations, one run each, N examples, B
resamples. `sign` is 1 where larger is better, else -1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search.statistics.intervals import Estimate
from trainables.seeding import derive

__all__ = ["corrected_difference", "corrected_score", "kept_share", "optimism"]

RESAMPLES = 1000
# Resamples, and configurations, at a time: 64 × 10,000 float32 each, a few megabytes.
_BLOCK_RESAMPLES, _BLOCK_CONFIGURATIONS = 64, 256


def corrected_score(
    values_CN: np.ndarray,
    *,
    sign: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The score of "the best of these C configurations", on examples it was not chosen on.

    `values_CN`: of each configuration, one run's values. A configuration with a NaN among them is
    never chosen; if all have one, the interval is not known.

    BBC-CV, Tsamardinos et al. 2018 (doi:10.1007/s10994-018-5714-4), Algorithm 5: choose on
    resampled examples, score the choice on those left out. It corrects for the choice among these
    runs by these examples; not for the luck of their seeds, nor for a choice that came before, as
    at rungs. (Simulated, 64 trials of which 7 are left by rungs: it still covers in 95-97%.)

    One deviation: the interval is mean ± Student's factor × the spread of the B scores, times
    √(m / (N − m)). The m examples left out (about .37 N) are a part of N drawn without
    replacement, so that their mean spreads by √((N − m) / m) times what that of N examples does.
    Assumption: the spread that the choice adds is shrunk by as much, which is right where one
    configuration is chosen always, and on the safe side where many are as good.
    """
    return _on_those_left_out(values_CN, values_CN, sign, seed, resamples)


def corrected_difference(
    values_CN: np.ndarray,
    baseline_N: np.ndarray,
    *,
    sign: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The best of these C configurations minus a baseline that was not chosen, as
    `corrected_score`: chosen on resampled examples, compared in pairs on those left out."""
    return _on_those_left_out(values_CN, values_CN - baseline_N, sign, seed, resamples)


def _on_those_left_out(
    chosen_by_CN: np.ndarray,
    shown_CN: np.ndarray,
    sign: int,
    seed: int,
    resamples: int,
) -> Estimate:
    known_C = np.isfinite(chosen_by_CN).all(axis=1) & np.isfinite(shown_CN).all(axis=1)
    examples = chosen_by_CN.shape[1]
    if not known_C.any() or examples < 2:
        return Estimate(mean=math.nan, low=None, high=None)
    # Small numbers, so that float32 loses nothing that matters.
    centre = float(chosen_by_CN[known_C].mean())
    by_CN = (sign * (chosen_by_CN[known_C] - centre)).astype(np.float32)
    shown_CN = shown_CN[known_C]
    random = np.random.default_rng(derive(seed, "corrected"))
    scores, left_out = [], 0
    for start in range(0, resamples, _BLOCK_RESAMPLES):
        count = min(_BLOCK_RESAMPLES, resamples - start)
        weights_BN = _weights(random, count, examples)
        chosen_B = _choose(by_CN, weights_BN)
        outside_BN = weights_BN == 0
        count_B = outside_BN.sum(axis=1)
        left_out += int(count_B.sum())
        sum_B = np.einsum("bn,bn->b", shown_CN[chosen_B], outside_BN)
        scores += list(sum_B[count_B > 0] / count_B[count_B > 0])
    left_out_share = left_out / resamples / examples
    shrink = math.sqrt(left_out_share / (1 - left_out_share))
    return _interval(np.array(scores), shrink, examples)


def _weights(random: np.random.Generator, count: int, examples: int) -> np.ndarray:
    """How often each example is drawn in a resample, (B, N)."""
    drawn_BN = random.integers(examples, size=(count, examples))
    drawn_BN += np.arange(count)[:, None] * examples
    counts = np.bincount(drawn_BN.ravel(), minlength=count * examples)
    return counts.reshape(count, examples).astype(np.float32)


def _choose(by_CN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """The index of the best configuration on each resample, (B,); of equals, the first."""
    best_B = np.full(len(weights_BN), -np.inf, dtype=np.float32)
    chosen_B = np.zeros(len(weights_BN), dtype=np.int64)
    for start in range(0, len(by_CN), _BLOCK_CONFIGURATIONS):
        scores_BC = weights_BN @ by_CN[start : start + _BLOCK_CONFIGURATIONS].T
        top_B = scores_BC.argmax(axis=1)
        score_B = scores_BC[np.arange(len(top_B)), top_B]
        better_B = score_B > best_B
        best_B[better_B] = score_B[better_B]
        chosen_B[better_B] = start + top_B[better_B]
    return chosen_B


def _interval(scores_B: np.ndarray, shrink: float, examples: int) -> Estimate:
    from scipy import special

    mean = float(scores_B.mean())
    margin = float(special.stdtrit(examples - 1, 0.975) * scores_B.std() * shrink)
    return Estimate(mean=mean, low=mean - margin, high=mean + margin)


def optimism(
    by_examples: float, contenders: Sequence[np.ndarray], *, complete: int, tried: int
) -> dict[str, float]:
    """How much better a configuration looks on the examples that it was chosen by.

    `by_examples`: of the search's best run, its score less the corrected one, positive where it
    looked better: the choice among the `complete` trials. `with_rungs`: the same of the choice
    among all that were `tried`, of which most were stopped at rungs by scores on the same examples.
    It is larger as the largest of so many normal numbers is. That is on the safe side where some
    of those that were stopped never could have won. `contenders`: of each the values of its runs on
    fresh seeds, (S, N), the first of all with the same seeds. `left` of it remains with other seeds
    (`kept_share`).
    """
    seeds = min(len(values_SN) for values_SN in contenders)
    kept = kept_share(np.stack([values_SN[:seeds] for values_SN in contenders]))
    looked = max(by_examples, 0.0)
    with_rungs = looked * max(_largest(tried) / _largest(complete), 1.0) if complete > 1 else looked
    return {
        "by_examples": looked,
        "with_rungs": with_rungs,
        "kept_share": kept,
        "left": with_rungs * kept,
    }


def _largest(count: int) -> float:
    """The largest of so many normal numbers, expected (Blom 1958, to 2%)."""
    from scipy import special

    return float(special.ndtri((count - 0.375) / (count + 0.25)))


def kept_share(values_CSN: np.ndarray) -> float:
    """The share of what examples do to a run, more than to other configurations' runs, that its
    configuration keeps with other seeds: so much of an optimism by examples is left then.

    `values_CSN`: of C configurations with the same S seeds; 1 where C or S is 1. By the mean
    squares of a three-way layout (Searle, Casella & McCulloch 1992, ch. 4): configuration ×
    example against what is left.
    """
    configurations, seeds, examples = values_CSN.shape
    if min(values_CSN.shape) < 2:
        return 1.0
    means_CN = values_CSN.mean(axis=1)
    own_CN = means_CN - means_CN.mean(axis=0)
    own_CN -= own_CN.mean(axis=1, keepdims=True)
    rest_CSN = values_CSN - means_CN[:, None]
    rest_CSN -= rest_CSN.mean(axis=2, keepdims=True)
    of_own = float(np.square(own_CN).sum()) / ((configurations - 1) * (examples - 1))
    of_rest = float(np.square(rest_CSN).sum()) / (configurations * (seeds - 1) * (examples - 1))
    kept = max(of_own - of_rest / seeds, 0.0)
    return kept / (kept + of_rest) if kept + of_rest > 0 else 1.0
