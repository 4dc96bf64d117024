import numpy as np
import pytest

from search.statistics.multiple import holm


def test_the_smallest_is_multiplied_by_their_number():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_order_is_kept_and_nothing_exceeds_one():
    assert holm([0.9, 0.001, 0.5]) == pytest.approx([1.0, 0.003, 1.0])
    assert holm([]) == []


def test_of_twenty_that_are_nothing_one_is_claimed_in_a_twentieth_of_sets():
    p_values = np.random.default_rng(0).uniform(size=(4000, 20))
    claimed = [min(holm(row)) <= 0.05 for row in p_values]
    assert 0.04 < np.mean(claimed) < 0.06
