"""What a free worker does next, under both rules (Li et al. 2020, Algorithm 2)."""

from __future__ import annotations

import itertools

import pytest

from search.decisions import asha, plan
from search.decisions.history import EpochEnd, History, Segment, Trial
from tests.search.studies import (
    epoch,
    failure,
    history,
    scored,
    segment,
    session,
    suggestion,
)

LADDER = [1, 3, 9]


def _next(past: History, *, scheduler: str = "asha", **options):
    full_length = options.pop("full_length", 0)
    rungs = asha.rungs_of(past, ladder=LADDER, full_length=full_length, value=_score)
    known = {"reduction_factor": 3, "trials": 9, "workers": 1}
    return asha.next_segment(past, rungs, scheduler=scheduler, **{**known, **options})


def _score(trial: Trial, at: int) -> float:
    return trial.value("score", at)


def _advancing(answer) -> tuple[int, int, int]:
    assert isinstance(answer, Segment), answer
    return answer.trial, answer.first_epoch, answer.last_epoch


# A written-out example: nine trials, r = 1, η = 3, R = 9, scores by number.
SCORES = [0.1, 0.5, 0.3, 0.9, 0.2, 0.8, 0.7, 0.4, 0.6]


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_no_one_advances_before_eta_trials_are_at_the_rung(scheduler):
    past = history(scored({1: 0.1}, {1: 0.5}))

    assert _next(past, scheduler=scheduler) == "suggest"


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_the_best_of_three_advances_from_the_first_rung_to_the_second(scheduler):
    past = history(scored({1: 0.1}, {1: 0.5}, {1: 0.3}))

    assert _advancing(_next(past, scheduler=scheduler)) == (1, 2, 3)


def test_rate_limited_a_better_newcomer_waits_once_a_third_has_advanced():
    past = history(scored({1: 0.1}, {1: 0.5, 3: 0.5}, {1: 0.3}, {1: 0.9}))

    assert _next(past, scheduler="asha") == "suggest"


def test_published_a_better_newcomer_advances_at_once():
    past = history(scored({1: 0.1}, {1: 0.5, 3: 0.5}, {1: 0.3}, {1: 0.9}))

    assert _advancing(_next(past, scheduler="asha-published")) == (3, 2, 3)


def test_the_whole_example_rate_limited():
    """One worker: who goes where, in order. 9 + 3·2 + 1·6 = 21 epochs."""
    steps, past = _play_alone(SCORES, "asha")

    assert steps == [
        "0:1 1:1 2:1",
        "1:3",  # best of 0 1 2
        "3:1 4:1 5:1",
        "3:3",  # ⌊6/3⌋ = 2 may have left, 1 has: the best of those left is 3 (.9)
        "6:1 7:1 8:1",
        "5:3",  # the best left of nine: .8
        "3:9",  # three have reached epoch 3, the best of them is 3
    ]
    assert (
        sum(trial.epoch for trial in past.trials) == 21 == plan.most_epochs(9, 0, LADDER, 3, "asha")
    )


def test_the_whole_example_published():
    """A newcomer among the best third leaves at once, whatever left before."""
    steps, past = _play_alone(SCORES, "asha-published")

    assert steps == [
        "0:1 1:1 2:1",
        "1:3",
        "3:1",
        "3:3",  # best of four
        "4:1 5:1",
        "5:3",  # second of six, two may leave
        "3:9",  # best of the three at epoch 3
        "6:1 7:1 8:1",
        "6:3",  # third of nine
    ]
    assert sum(trial.epoch for trial in past.trials) == 9 + 4 * 2 + 6


def test_without_a_scheduler_every_trial_runs_in_full():
    past = history([session("started"), suggestion(0), segment(0, 1, 9)])

    assert asha.first_target(5, ladder=LADDER, scheduler="none", full_length=2) == 9
    assert _next(history(scored({1: 0.1}, {1: 0.5}, {1: 0.3})), scheduler="none") == "suggest"
    assert _next(past, scheduler="none") == "wait"


def test_the_first_trials_run_in_full_and_the_others_to_the_first_rung():
    targets = [
        asha.first_target(n, ladder=LADDER, scheduler="asha", full_length=2) for n in range(4)
    ]

    assert targets == [9, 9, 1, 1]


def test_the_first_trials_do_not_count_at_the_rungs():
    past = history(scored({9: 0.0}, {9: 0.0}, {1: 0.1}, {1: 0.2}))

    for scheduler in ("asha", "asha-published"):
        assert _next(past, scheduler=scheduler, full_length=2) == "suggest"  # two are at the rung
    counted = _next(past, scheduler="asha-published", full_length=0)  # four are
    assert _advancing(counted) == (3, 2, 3)


def test_the_highest_rung_with_room_goes_first():
    at_second = [{1: 0.9, 3: 0.5}, {1: 0.9, 3: 0.4}, {1: 0.9, 3: 0.6}]
    at_first = [{1: n / 100} for n in range(9)]
    past = history(scored(*at_second, *at_first))  # ⌊12/3⌋ = 4 may leave the first, 3 have

    assert _advancing(_next(past)) == (2, 4, 9)


def test_ties_go_to_the_lower_number():
    past = history(scored({1: 0.5}, {1: 0.5}, {1: 0.5}))

    assert _advancing(_next(past)) == (0, 2, 3)


def test_an_interrupted_segment_comes_first():
    past = history(
        [
            *scored({1: 0.5}, {1: 0.4}, {1: 0.3}, {1: 0.2}),
            segment(0, 2, 3),
            epoch(0, 2, 0.6),
            session("interrupted"),
            session("started"),
        ]
    )

    assert _advancing(_next(past)) == (0, 3, 3)


def test_a_segment_whose_process_died_comes_first_with_its_next_attempt():
    past = history(
        [
            *scored({1: 0.5}, {1: 0.4}, {1: 0.3}),
            segment(0, 2, 3),
            failure(0, 2, final=False),
        ]
    )

    assert _next(past) == Segment(trial=0, attempt=1, first_epoch=2, last_epoch=3)


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_a_trial_that_fails_on_its_way_gives_its_place_to_the_next_best(scheduler):
    at_rung = scored({1: 0.9}, {1: 0.4}, {1: 0.3})
    past = history([*at_rung, segment(0, 2, 3), epoch(0, 2, 0.9), failure(0, 3, final=True)])

    assert _advancing(_next(past, scheduler=scheduler)) == (1, 2, 3)


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_a_trial_that_fails_after_the_next_rung_has_used_its_place(scheduler):
    at_rung = scored({3: 0.9}, {1: 0.4}, {1: 0.3})
    past = history([*at_rung, segment(0, 4, 9), failure(0, 4, final=True)])

    assert _next(past, scheduler=scheduler) == "suggest"


def test_a_trial_that_fails_before_its_first_rung_was_never_there():
    past = history([*scored({1: 0.4}, {1: 0.3}), suggestion(2), segment(2, 1, 1), failure(2, 1)])

    assert _next(past) == "suggest"  # two are there


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_the_last_hope_goes_on_to_the_end_however_small_the_study(scheduler):
    options = {"scheduler": scheduler, "trials": 2}

    assert _advancing(_next(history(scored({1: 0.4})), scheduler=scheduler, trials=1)) == (0, 2, 9)
    past = history(scored({1: 0.4}, {1: 0.5}))
    assert _advancing(_next(past, **options)) == (1, 2, 9)
    past = history([*scored({1: 0.4}, {1: 0.5}), segment(1, 2, 9), failure(1, 5)])
    assert _advancing(_next(past, **options)) == (0, 2, 9)  # the best has failed
    past = history([*scored({1: 0.4}, {1: 0.5}), segment(1, 2, 9)])
    assert _next(past, **options, workers=2) == "wait"  # one may win yet
    assert _next(history(scored({1: 0.4}, {9: 0.5})), **options) == "finished"


def test_the_last_hope_is_at_the_highest_rung():
    at_rungs = [{1: 0.9}, {1: 0.8}, {3: 0.1}]

    assert _advancing(_next(history(scored(*at_rungs)), trials=3)) == (2, 4, 9)


def test_nobody_is_asked_to_win_where_a_named_point_is_complete():
    past = history(scored({9: 0.1}, {1: 0.5}))

    assert _next(past, trials=2, full_length=1) == "finished"


def test_it_waits_while_all_workers_are_busy_and_ends_when_all_is_done():
    busy = [*scored({1: 0.5}), suggestion(1), segment(1, 1, 1)]

    assert _next(history(busy), workers=1) == "wait"
    assert _next(history(busy), workers=2) == "suggest"
    assert _next(history(busy), workers=2, trials=2) == "wait"
    ended = history([*scored({9: 0.5}), suggestion(1), segment(1, 1, 1), epoch(1, 1, 0.5)])
    assert _next(ended, workers=2, trials=2) == "finished"


# Invariants, whatever the order in which things end.


def _play_alone(scores: list[float], scheduler: str) -> tuple[list[str], History]:
    """One worker, scores that stay: ["0:1 1:1", "1:3", …], first segments grouped, trial:epoch."""
    past = history([session("started", len(scores))])
    steps: list[tuple[bool, str]] = []
    for now in itertools.count(200):
        answer = _next(past, scheduler=scheduler, trials=len(scores))
        if answer == "finished":
            break
        number = len(past.trials) if answer == "suggest" else answer.trial
        if answer == "suggest":
            past.apply(now, suggestion(number))
            answer = segment(number, 1, 1)
        past.apply(now, answer)
        for at in range(answer.first_epoch, answer.last_epoch + 1):
            end: EpochEnd = epoch(number, at, scores[number])
            past.apply(now, end)
        steps.append((answer.first_epoch == 1, f"{number}:{answer.last_epoch}"))
    groups = itertools.groupby(enumerate(steps), lambda step: step[1][0] or step[0])
    return [" ".join(text for _, (_, text) in group) for _, group in groups], past
