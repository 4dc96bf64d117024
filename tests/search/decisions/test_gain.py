"""What further trials would add, and when a study is to end for want of it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from search.decisions.gain import Gain, NoGain, expected_gain, gain_of, no_gain
from search.decisions.history import History, Trial
from tests.search.studies import scored


def trials(count: int, *, seed: int = 0, luck: float = 0.01) -> tuple[Any, Any]:
    """First scores, and end scores of the best ninth."""
    random = np.random.default_rng(seed)
    first = 0.6 + 0.05 * random.standard_normal(count)
    ends = 0.3 + 0.7 * first + luck * random.standard_normal(count)
    stopped = np.argsort(np.argsort(-first)) >= count // 9
    return first, np.where(stopped, math.nan, ends)


def test_the_gain_of_further_trials_is_what_they_bring():
    """On average over studies whose trials are all drawn alike, as the model has it."""
    told, came = [], []
    for seed in range(60):
        first, ends = trials(96, seed=seed)
        random = np.random.default_rng(900 + seed)
        later = 0.6 + 0.05 * random.standard_normal(32)
        top = np.sort(later)[-4:]
        reached = (0.3 + 0.7 * top + 0.01 * random.standard_normal(4)).max()
        gain = expected_gain(first, ends)
        assert gain is not None
        told.append(gain.mean)
        came.append(max(reached - np.nanmax(ends), 0.0))

    assert 0.5 * np.mean(came) < np.mean(told) < 2 * np.mean(came)


def test_it_is_less_the_more_there_were():
    means = [
        np.mean([expected_gain(*trials(count, seed=seed)).mean for seed in range(20)])
        for count in (48, 192, 768)
    ]
    assert means[0] > 1.5 * means[1] > 2 * means[2]


def test_the_same_trials_give_the_same_gain_and_it_moves_with_the_scale():
    first, ends = trials(96)
    one, again = expected_gain(first, ends), expected_gain(list(first), list(ends))
    assert one == again
    scaled = expected_gain(100 * first - 3, 100 * ends - 3)
    for name in ("mean", "low", "high", "reach"):
        assert getattr(scaled, name) == pytest.approx(100 * getattr(one, name))
    assert one.low <= one.mean <= one.high


def test_too_few_trials_tell_nothing():
    first, _ = trials(96)
    assert expected_gain(first[:20], [0.5] * 20) is None
    assert expected_gain(first, np.where(np.arange(96) < 3, 0.5, math.nan)) is None
    assert no_gain(None) == ""


def test_trials_that_are_all_alike_bring_nothing():
    gain = expected_gain([0.5] * 40, [0.5] * 40)
    assert (gain.mean, gain.high, gain.reach) == (0, 0, 0)


def test_a_named_point_may_be_the_best():
    first, ends = trials(96)
    ahead = expected_gain(first, ends, others=[(0.79, 0.3 + 0.7 * 0.79)])
    assert ahead.mean < 0.1 * expected_gain(first, ends).mean


@pytest.mark.parametrize(
    ("high", "noise", "ends"),
    [(0.9, 4.0, True), (1.1, 4.0, False), (0.4, None, True), (0.6, None, False)],
)
def test_it_is_the_upper_end_that_must_be_below_a_quarter_of_the_noise(high, noise, ends):
    gain = Gain(mean=0.1, low=0.0, high=high, reach=100.0, complete=5, noise=noise)
    why = no_gain(gain)
    assert bool(why) == ends
    assert no_gain(dataclasses.replace(gain, complete=4)) == ""
    if noise is not None and ends:
        assert why == (
            "no gain: 32 further trials would better the best by 0.1 (0 to 0.9), less than a "
            "quarter of one seed's noise (1)"
        )


def value(trial: Trial, epoch: int) -> float:
    return trial.value("score", epoch)


def of(history: History) -> Gain | None:
    return gain_of(history, full_length=4, first_epoch=1, max_epochs=3, value=value)


def test_of_a_history_the_noise_is_that_of_points_with_several_seeds():
    """Its named points are not drawn; a failed trial is none."""
    named = [{3: 0.5}, {3: 0.7}, {3: 0.6}, {3: 0.8}]
    drawn = [
        {1: 0.1 + n / 100} if n % 4 else {1: 0.2 + n / 100, 3: 0.3 + n / 90} for n in range(40)
    ]
    events = scored(*named, *drawn)
    sources = ["a", "b", "a", "b"]
    for event in events:
        if getattr(event, "source", "") and event.trial < 4:
            object.__setattr__(event, "source", sources[event.trial])
    past = History((float(at), event) for at, event in enumerate(events))

    gain = of(past)

    assert gain.noise == pytest.approx(math.sqrt((2 * 0.05**2 + 2 * 0.05**2) / 2))
    first = [each[1] for each in drawn]
    ends = [each.get(3, math.nan) for each in drawn]
    assert gain == expected_gain(
        first, ends, others=[(0.5, 0.5), (0.7, 0.7), (0.6, 0.6), (0.8, 0.8)], noise=gain.noise
    )


def test_a_history_that_goes_on_is_looked_at_anew():
    past = History(enumerate(scored(*[{3: n / 100} for n in range(40)])))
    watch = NoGain(past, full_length=4, first_epoch=1, max_epochs=3, value=value)
    before = watch.gain()
    assert before == of(past)
    assert watch.gain() is before
    for event in scored(*[{3: 0.5}] * 41)[-5:]:
        past.apply(1e3, event)
    assert watch.gain() == of(past) != before
