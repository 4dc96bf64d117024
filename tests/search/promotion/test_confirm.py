"""Which trials are confirmed, and which of their runs are still to be done."""

from __future__ import annotations

import math

import numpy as np

from search.decisions.history import History, Suggestion
from search.promotion.confirm import runs_of, score_of, still_to_run, top_trials, within_reach
from tests.search.studies import epoch, failure, history, segment, session, suggestion


def _trials(*told: tuple[float, float]) -> list[object]:
    """Complete trials of one epoch, each told as (x, score)."""
    events: list[object] = [session("started", len(told))]
    for number, (x, score) in enumerate(told):
        events += [suggestion(number, x=x), segment(number, 1, 1), epoch(number, 1, score)]
    return events


def test_the_best_complete_trials_in_order_ties_by_number():
    events = [
        *_trials((0.1, 0.5), (0.2, 0.7), (0.3, 0.6), (0.4, 0.7)),
        *[suggestion(4, x=0.9), segment(4, 1, 1), failure(4, 1)],
    ]

    found = top_trials(history(events), "score", 1, 1, 3)

    assert [trial.number for trial in found] == [1, 3, 2]


def test_the_least_where_less_is_better():
    found = top_trials(history(_trials((0.1, 0.5), (0.2, 0.7))), "loss", -1, 1, 1)

    assert [trial.number for trial in found] == [1]


def test_a_trial_that_was_stopped_early_is_not_among_them():
    events = [*_trials((0.1, 0.9)), suggestion(1, x=0.2), segment(1, 1, 3)]
    events += [epoch(1, number, 0.5) for number in (1, 2, 3)]

    assert [trial.number for trial in top_trials(history(events), "score", 1, 3, 5)] == [1]


def test_a_configuration_that_was_drawn_twice_counts_once():
    found = top_trials(history(_trials((0.1, 0.5), (0.1, 0.6), (0.2, 0.4))), "score", 1, 1, 5)

    assert [trial.number for trial in found] == [1, 2]


def _wanted(x: float, seed: int) -> Suggestion:
    return Suggestion(trial=-1, config={"x": x}, seed=seed, source="trial 7")


def test_runs_on_record_are_not_run_again_and_new_ones_are_numbered_after_them():
    done = history(_trials((0.1, 0.5), (0.2, 0.6)))  # of seeds 0 and 1

    missing = still_to_run(done, [_wanted(0.1, 0), _wanted(0.1, 5), _wanted(0.2, 1)])

    assert [(run.trial, run.config["x"], run.seed) for run in missing] == [(2, 0.1, 5)]


def test_another_configuration_on_the_same_seed_is_another_run():
    done = history(_trials((0.1, 0.5)))

    assert len(still_to_run(done, [_wanted(0.3, 0)])) == 1


def test_runs_come_in_the_order_of_their_seeds():
    done = history(_trials((0.1, 0.5), (0.1, 0.6), (0.2, 0.7)))

    found = runs_of(done, {"x": 0.1}, [1, 0])

    assert [run.number for run in found] == [1, 0]


def test_a_run_that_has_failed_is_run_again_and_its_last_counts():
    events = [*_trials((0.1, 0.5)), suggestion(1, x=0.2), segment(1, 1, 1), failure(1, 1)]
    wanted = Suggestion(trial=-1, config={"x": 0.2}, seed=1, source="trial 7")

    [again] = still_to_run(history(events), [wanted])
    assert (again.trial, again.seed) == (2, 1)

    events += [again, segment(2, 1, 1), epoch(2, 1, 0.7)]
    assert still_to_run(history(events), [wanted]) == []
    assert [run.number for run in runs_of(history(events), {"x": 0.2}, [1])] == [2]


def _score(told: History, seed: int, begun: int) -> float | None:
    return score_of(told, {"x": 0.1}, seed, metric="score", max_epochs=1, begun=begun)


def test_a_run_that_failed_in_this_promotion_is_not_run_again_an_earlier_one_is():
    told = history([*_trials((0.2, 0.5)), suggestion(1, x=0.1), segment(1, 1, 1), failure(1, 1)])

    for begun, again in ((1, []), (2, [2])):
        assert [run.trial for run in still_to_run(told, [_wanted(0.1, 1)], begun)] == again
    failed = _score(told, 1, begun=1)
    assert failed is not None
    assert math.isnan(failed)
    assert _score(told, 1, begun=2) is None


def test_the_score_of_a_run_is_known_once_it_is_complete():
    told = history([*_trials((0.1, 0.5)), suggestion(1, x=0.1), segment(1, 1, 1)])

    assert _score(told, 0, begun=0) == 0.5
    assert _score(told, 1, begun=0) is None
    assert _score(told, 7, begun=0) is None


def test_one_that_is_far_behind_is_not_trained_again():
    """Behind by so many standard errors of the difference by examples, nearly."""
    noise_CN = np.random.default_rng(0).standard_normal((4, 1000))
    behind = np.array([0.0, 30.0, 5.0, 20.0])[:, None] * math.sqrt(2 / 1000)

    assert within_reach(noise_CN - behind) == [0, 1, 2]
    assert within_reach(noise_CN[:1]) == [0]
    same = np.repeat(noise_CN[:1], 3, axis=0)
    assert within_reach(same) == [0, 1, 2]
    unknown = np.vstack([noise_CN[:3], np.full((1, 1000), np.nan)])
    assert within_reach(unknown) == [0, 1, 2, 3]
