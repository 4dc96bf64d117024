"""Whether the best of a study is better than what needs no training."""

from __future__ import annotations

import numpy as np
import pytest

from search.reports.claims import describe_claim, difference_from_baseline


def _claim(values_CN, baseline_N, among=None, sign=1):
    values_CN = np.atleast_2d(values_CN)
    among = len(values_CN) if among is None else among
    return difference_from_baseline(values_CN, baseline_N, sign=sign, seed=0, among=among)


def test_of_a_single_trial_the_interval_is_the_one_of_theory():
    """The difference of means of paired samples: ± 1.96 σ/√n."""
    random = np.random.default_rng(0)
    first, second = random.normal(0.3, 1, 2000), random.normal(0, 1, 2000)

    found = _claim(first, second)

    half = 1.961 * np.std(first - second, ddof=1) / np.sqrt(2000)
    assert found["difference"] == pytest.approx(np.mean(first - second))
    assert found["low"] == pytest.approx(found["difference"] - half, rel=1e-3)
    assert found["beyond_example_noise"] is True
    text = describe_claim(found, stopped=0)
    assert text.endswith(
        "beyond the noise of examples (not corrected for the luck of its one seed)"
    )


def test_it_is_paired_what_both_share_cancels_out():
    """Both vary by σ = 10 with the examples, their difference hardly: unpaired, it would drown."""
    random = np.random.default_rng(0)
    shared = random.normal(0, 10, 500)
    better_CN = shared + 0.1 + random.normal(0, 0.1, (8, 500))

    found = _claim(better_CN, shared)

    assert found["beyond_example_noise"]
    text = describe_claim(found, stopped=3)
    assert (
        "(corrected for the choice among 8 complete trials; not corrected for the luck of" in text
    )
    assert text.endswith("one seed, the choice at rungs)")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_of_many_equals_is_not_beyond_the_noise(sign):
    random = np.random.default_rng(0)
    values_CN, baseline_N = random.normal(0, 1, (64, 300)), random.normal(0, 1, 300)
    best = np.argmax(sign * values_CN.mean(axis=1))

    assert not _claim(values_CN, baseline_N, sign=sign)["beyond_example_noise"]
    uncorrected = _claim(values_CN[best], baseline_N, among=64, sign=sign)
    assert not uncorrected["corrected"]
    text = describe_claim(uncorrected, stopped=0)
    assert text.endswith("one seed, the choice among 64 complete trials)")
    assert "; " not in text


def test_worse_beyond_the_noise_is_beyond_the_noise():
    found = _claim(np.zeros(100), np.ones(100))

    assert (found["difference"], found["high"], found["beyond_example_noise"]) == (-1, -1, True)
