"""By how much would further trials better the best? From how a study's trials went. Pure.

Larger is better. Of N drawn trials each has a first score, at the lowest rung; of these C have an
end score too, at full length.

**Model.** A trial's end is a + b·first + e: fitted to the C, which were chosen by their first score
and so tell of it without bias, and to the named points. Further trials begin as the more recent
half of the N did, since a sampler comes to propose others than at the beginning; their first scores
are drawn from those, smoothed by a normal kernel (Silverman 1986, eq. 3.31, of the better half). As
many of them as usual, the best at first, train to the end. Their gain is that of the best of these
over the best so far; its luck, which is in e, is a part of both.

**Interval.** Everything is drawn anew with the weights of a Bayesian bootstrap (Rubin 1981,
doi:10.1214/aos/1176345338), so that few complete trials make it wide: 80%, the middle of DRAWS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.decisions.history import History, Trial
from trainables.seeding import derive

__all__ = ["FURTHER", "Gain", "NoGain", "expected_gain", "gain_of", "no_gain"]

FURTHER = 32  # trials to come
LEAST_COMPLETE, LEAST_DRAWN = 4, 24  # drawn trials that must have ended: fewer say nothing
COMPLETE_TO_END = 5  # and fewer complete ones end no study
SHARE_OF_NOISE = 0.25  # a gain below it is not worth 32 trials
SHARE_OF_REACH = 0.005  # the same where the noise of one seed is not known
EARLY = 16  # drawn trials: what is typical before anything is learned
DRAWS, FUTURES = 200, 8  # of the weights, and of further trials with each


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What FURTHER trials are expected to add to the best, in units of the objective."""

    mean: float
    low: float
    high: float
    reach: float  # by how much the best is ahead of a typical early trial
    complete: int  # drawn trials that were trained to the end
    noise: float | None  # the deviation of one configuration over seeds; None: it is not known

    @property
    def enough(self) -> float:
        """A gain below this is none."""
        if self.noise is not None:
            return SHARE_OF_NOISE * self.noise
        return SHARE_OF_REACH * self.reach

    @property
    def none(self) -> bool:
        """Whether even the upper end of the interval is no gain, and that is sure enough."""
        return self.complete >= COMPLETE_TO_END and self.high < self.enough


class NoGain:
    """The gain of a history that goes on, computed once for each of its states."""

    def __init__(
        self,
        history: History,
        *,
        full_length: int,
        first_epoch: int,
        max_epochs: int,
        value: Callable[[Trial, int], float],
    ) -> None:
        self._history, self._full_length = history, full_length
        self._epochs, self._value = (first_epoch, max_epochs), value
        self._seen = -1
        self._gain: Gain | None = None

    def gain(self) -> Gain | None:
        seen = len(self._history.event_trials)
        if seen != self._seen:
            self._seen = seen
            self._gain = gain_of(
                self._history,
                full_length=self._full_length,
                first_epoch=self._epochs[0],
                max_epochs=self._epochs[1],
                value=self._value,
            )
        return self._gain


def gain_of(
    history: History,
    *,
    full_length: int,
    first_epoch: int,
    max_epochs: int,
    value: Callable[[Trial, int], float],
) -> Gain | None:
    """Of a study whose first `full_length` trials are named points. `first_epoch`: the lowest rung,
    `max_epochs`: full length; `value(trial, epoch)`: the objective, larger is better. None: too few
    trials have ended to tell."""
    drawn = [t for t in history.trials[full_length:] if t.epoch >= first_epoch and not t.failed]
    ends = [value(t, max_epochs) if t.complete(max_epochs) else math.nan for t in drawn]
    named = [t for t in history.trials[:full_length] if t.complete(max_epochs)]
    runs: dict[str, list[float]] = {}
    for trial in named:
        runs.setdefault(trial.suggestion.source, []).append(value(trial, max_epochs))
    return expected_gain(
        [value(trial, first_epoch) for trial in drawn],
        ends,
        others=[(value(t, first_epoch), value(t, max_epochs)) for t in named],
        noise=_noise(list(runs.values())),
    )


def expected_gain(
    first_N: Sequence[float],
    end_N: Sequence[float],
    *,
    others: Sequence[tuple[float, float]] = (),
    noise: float | None = None,
    further: int = FURTHER,
) -> Gain | None:
    """`first_N`, `end_N`: of each drawn trial, in the order they came; NaN where it did not train
    to the end. `others`: both scores of trials that were not drawn; one of them may be the best."""
    first, end = np.asarray(first_N, dtype=float), np.asarray(end_N, dtype=float)
    complete = ~np.isnan(end)
    count = int(complete.sum())
    if count < LEAST_COMPLETE or len(first) < LEAST_DRAWN:
        return None
    x = np.array([*(one for one, _ in others), *first[complete]])
    y = np.array([*(two for _, two in others), *end[complete]])
    best = float(y.max())
    random = np.random.default_rng(derive(0, "gain", len(first), count))
    a, b, sd = _line(x, y, random.exponential(size=(DRAWS, len(x))))
    recent = first[-max(LEAST_DRAWN, len(first) // 2) :]
    begun = _drawn(recent, random, further)
    finishing = max(round(further * count / len(first)), 1)
    top = -np.partition(-begun, finishing - 1, axis=-1)[..., :finishing]
    luck = random.standard_normal(top.shape)
    ends = a[:, None, None] + b[:, None, None] * top + sd[:, None, None] * luck
    gains = np.maximum(ends.max(axis=-1) - best, 0.0).mean(axis=-1)
    low, high = np.quantile(gains, [0.1, 0.9])
    [plain_a], [plain_b], _ = _line(x, y, np.ones((1, len(x))))
    typical = float(plain_a + plain_b * np.median(first[:EARLY]))
    return Gain(
        mean=float(gains.mean()),
        low=float(low),
        high=float(high),
        reach=max(best - typical, 0.0),
        complete=count,
        noise=noise,
    )


def no_gain(gain: Gain | None) -> str:
    """Why a study is to end, in one line; "": it is not."""
    if gain is None or not gain.none:
        return ""
    of = "a quarter of one seed's noise"
    if gain.noise is None:
        of = f"{SHARE_OF_REACH:.1%} of what the search has gained"
    return (
        f"no gain: {FURTHER} further trials would better the best by {gain.mean:.2g} "
        f"({gain.low:.2g} to {gain.high:.2g}), less than {of} ({gain.enough:.2g})"
    )


def _line(
    x_C: np.ndarray, y_C: np.ndarray, weights_BC: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intercept, slope (not below 0) and the deviation from the line, of each row of weights."""
    weights_BC = weights_BC / weights_BC.sum(axis=1, keepdims=True)
    mean_x, mean_y = weights_BC @ x_C, weights_BC @ y_C
    dx_BC, dy_BC = x_C - mean_x[:, None], y_C - mean_y[:, None]
    square = (weights_BC * dx_BC**2).sum(axis=1)
    slope = (weights_BC * dx_BC * dy_BC).sum(axis=1) / np.maximum(square, 1e-300)
    slope = np.maximum(slope, 0.0)
    rest = (weights_BC * (dy_BC - slope[:, None] * dx_BC) ** 2).sum(axis=1)
    count = len(x_C)
    return mean_y - slope * mean_x, slope, np.sqrt(rest * count / (count - 2))


def _drawn(recent_N: np.ndarray, random: np.random.Generator, further: int) -> np.ndarray:
    """(DRAWS, FUTURES, further) first scores: with the weights of each draw, smoothed."""
    count = len(recent_N)
    upper_BN = np.cumsum(random.exponential(size=(DRAWS, count)), axis=1)
    upper_BN /= upper_BN[:, -1:]
    places = random.uniform(size=(DRAWS, FUTURES * further))
    rows = [np.searchsorted(row, place) for row, place in zip(upper_BN, places, strict=True)]
    chosen = np.minimum(np.array(rows), count - 1).reshape(DRAWS, FUTURES, further)
    # Of the better half: many searches have a long tail of bad trials.
    middle, upper = np.quantile(recent_N, [0.5, 0.9])
    width = 0.9 * min(float(recent_N.std()), float(upper - middle) / 1.28) * count**-0.2
    return np.asarray(recent_N[chosen] + width * random.standard_normal(chosen.shape))


def _noise(runs: Sequence[Sequence[float]]) -> float | None:
    """Of points that were trained with several seeds; None where that are too few."""
    freedom = sum(len(values) - 1 for values in runs)
    if freedom < 2:
        return None
    return math.sqrt(sum(float(np.var(values)) * len(values) for values in runs) / freedom)
