"""Does the corrected score of the best of many say what it claims?"""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.selection import (
    corrected_difference,
    corrected_score,
    kept_share,
    optimism,
)


def _right(true: np.ndarray, examples: int, random: np.random.Generator) -> np.ndarray:
    """(C, N): whether each configuration is right, by its true accuracy."""
    return (random.random((len(true), examples)) < true[:, None]).astype(float)


def _half_width(values_N: np.ndarray) -> float:
    """Of the usual 95% interval of an accuracy."""
    return 1.96 * float(values_N.std()) / float(np.sqrt(len(values_N)))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_corrected_score_covers_the_truth_and_the_raw_one_does_not(sign):
    """150 studies of 32 nearly equal configurations. What is to be covered is what the chosen
    run scores on all questions that there could be."""
    raw_covers, corrected_covers, raw_bias, corrected_bias = [], [], [], []
    for study in range(150):
        random = np.random.default_rng(study)
        true = 0.7 + 0.01 * random.standard_normal(32)
        values_CN = sign * _right(true, 400, random)
        chosen = int(np.argmax(sign * values_CN.mean(axis=1)))
        corrected = corrected_score(values_CN, sign=sign, seed=study, resamples=100)
        raw = values_CN[chosen].mean()
        raw_covers.append(abs(raw - sign * true[chosen]) <= _half_width(values_CN[chosen]))
        corrected_covers.append(corrected.low <= sign * true[chosen] <= corrected.high)
        raw_bias.append(sign * raw - true[chosen])
        corrected_bias.append(sign * corrected.mean - true[chosen])

    assert np.mean(raw_bias) > 0.025  # over-rated by the choice among 32
    assert abs(np.mean(corrected_bias)) < 0.01
    assert np.mean(corrected_covers) >= 0.92  # more, where what they miss is independent
    assert np.mean(raw_covers) < 0.75


def test_of_one_configuration_it_is_the_usual_interval():
    values_N = _right(np.array([0.7]), 1000, np.random.default_rng(0))[0]

    found = corrected_score(values_N[None], sign=1, seed=0)

    assert found.mean == pytest.approx(values_N.mean(), abs=2e-3)
    assert found.high - found.mean == pytest.approx(_half_width(values_N), rel=0.1)


def test_the_best_of_equals_is_better_than_their_equal_one_time_in_twenty():
    """Uncorrected, the best of 32 is beyond the noise of the baseline in most studies."""
    better = plain = 0
    for study in range(100):
        random = np.random.default_rng(study)
        values_CN = _right(np.full(32, 0.7), 400, random)
        baseline_N = _right(np.array([0.7]), 400, random)[0]
        gain = corrected_difference(values_CN, baseline_N, sign=1, seed=study, resamples=100)
        better += gain.low > 0
        best_N = values_CN[values_CN.mean(axis=1).argmax()] - baseline_N
        plain += best_N.mean() > _half_width(best_N)

    assert better <= 9  # 2.5 expected of a two-sided 95%
    assert plain >= 15


def test_the_same_seed_gives_the_same_interval():
    values_CN = _right(np.full(4, 0.7), 200, np.random.default_rng(0))

    first = corrected_score(values_CN, sign=1, seed=3, resamples=50)

    assert corrected_score(values_CN, sign=1, seed=3, resamples=50) == first
    assert corrected_score(values_CN, sign=1, seed=4, resamples=50) != first


def test_where_smaller_is_better_the_smallest_is_chosen():
    values_CN = 1 - _right(np.array([0.6, 0.8]), 400, np.random.default_rng(0))

    corrected = corrected_score(values_CN, sign=-1, seed=0, resamples=50)

    assert corrected.mean == pytest.approx(values_CN[1].mean(), abs=0.02)


def test_more_configurations_than_a_block_are_all_looked_at():
    random = np.random.default_rng(0)
    values_CN = _right(np.full(600, 0.5), 100, random)
    values_CN[599] = 1.0

    assert corrected_score(values_CN, sign=1, seed=0, resamples=20).mean == 1.0


def test_a_score_that_is_not_defined_without_some_examples_is_not_chosen():
    good = np.linspace(0.8, 1.0, 200)
    odd = good + 1
    odd[0] = np.nan

    alone = corrected_score(good[None], sign=1, seed=0)

    assert corrected_score(np.stack([good, odd]), sign=1, seed=0) == alone
    none = corrected_score(odd[None], sign=1, seed=0)
    assert (none.low, none.high) == (None, None)


@pytest.mark.parametrize("kept", [0.0, 0.4, 1.0])
def test_the_share_that_a_configuration_keeps_with_other_seeds(kept):
    random = np.random.default_rng(0)
    values_CSN = (
        3 * random.standard_normal((1, 1, 2000))
        + np.sqrt(kept) * random.standard_normal((5, 1, 2000))
        + np.sqrt(1 - kept) * random.standard_normal((5, 3, 2000))
        + random.standard_normal((5, 3, 1))
    )

    assert kept_share(values_CSN) == pytest.approx(kept, abs=0.03)
    found = optimism(0.02, list(values_CSN), complete=9, tried=9)
    assert found["left"] == pytest.approx(0.02 * kept, abs=0.001)
    assert optimism(-0.02, list(values_CSN), complete=9, tried=9)["left"] == 0.0


def test_the_choice_at_rungs_adds_to_an_optimism():
    values_CSN = np.random.default_rng(0).standard_normal((3, 1, 50))

    def with_rungs(complete: int, tried: int) -> float:
        found = optimism(1.0, list(values_CSN), complete=complete, tried=tried)
        assert found["left"] == found["with_rungs"] >= found["by_examples"] == 1.0
        return found["with_rungs"]

    # The largest of 2 and 64 normal numbers are expected at .5642 and 2.3436.
    assert with_rungs(2, 64) == pytest.approx(2.3436 / 0.5642, rel=0.05)
    assert with_rungs(7, 64) < with_rungs(7, 640)
    assert with_rungs(7, 7) == with_rungs(1, 64) == 1.0


def test_of_one_seed_or_one_configuration_all_of_an_optimism_may_be_left():
    values_CSN = np.random.default_rng(0).standard_normal((3, 2, 50))

    assert kept_share(values_CSN[:1]) == kept_share(values_CSN[:, :1]) == 1.0
    uneven = [values_CSN[0], values_CSN[1, :1]]
    found = optimism(0.01, uneven, complete=3, tried=3)
    assert (found["kept_share"], found["left"]) == (1.0, 0.01)
