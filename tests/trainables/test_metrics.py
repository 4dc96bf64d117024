import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from trainables.metrics import mse, pearson, pearson_per_example, ranks, spearman

few = st.integers(0, 6).map(float)  # few values, so that there are ties
same_length = st.integers(2, 40).flatmap(
    lambda n: st.tuples(arrays(np.float64, n, elements=few), arrays(np.float64, n, elements=few))
)


def agree(ours: float, theirs: float) -> bool:
    return (np.isnan(ours) and np.isnan(theirs)) or abs(ours - theirs) < 1e-9


@given(same_length)
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_correlations_are_scipys(pair):
    assert agree(pearson(*pair), stats.pearsonr(*pair).statistic)
    assert agree(spearman(*pair), stats.spearmanr(*pair).statistic)


@given(arrays(np.float64, st.integers(1, 40), elements=few))
def test_ranks_are_scipys(values):
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values))


def test_float32_and_large_offsets_lose_little():
    chance = np.random.default_rng(0)
    labels = chance.random(1500).astype(np.float32)
    predictions = (1000 + labels + 0.3 * chance.random(1500)).astype(np.float32)
    exact = stats.pearsonr(labels.astype(np.float64), predictions.astype(np.float64)).statistic
    assert pearson(labels, predictions) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("metric", [pearson, spearman])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_constant_or_a_non_finite_input_has_no_correlation(metric, bad):
    labels = np.arange(4.0)
    assert np.isnan(metric(labels, np.full(4, 0.1)))
    assert np.isnan(metric(np.full(4, 0.1), labels))
    assert np.isnan(metric(labels, np.array([0, 1, 2, bad])))


def test_mse():
    assert mse(np.array([0.0, 5.0]), np.array([1.0, 3.0])) == 2.5


def test_the_numbers_of_each_pair_have_the_correlation_as_mean_and_its_noise_as_spread():
    """Of normal pairs its standard error is (1 - r²) / √N."""
    random = np.random.default_rng(0)
    labels = random.standard_normal(20_000)
    predictions = (labels + 0.5 * random.standard_normal(20_000)).astype(np.float32)

    values = pearson_per_example(labels, predictions)

    r = pearson(labels, predictions)
    assert values.mean() == pytest.approx(r)
    assert values.std() == pytest.approx(1 - r**2, rel=0.03)
