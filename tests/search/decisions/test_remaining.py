"""The time left, of histories made by hand, whose paces are known."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from search.decisions.history import EpochEnd, Event, History
from search.decisions.remaining import Remaining, interval_of, measured, remaining, sample
from search.tasks.config import StudyConfig
from tests.search.studies import failure, segment, session, suggestion

EPOCH_S = 10.0


def config(**options) -> StudyConfig:
    return StudyConfig(name="s", task="sts", dataset="d", **{"workers": 1, **options})


def epoch(trial: int, number: int, seconds: float = EPOCH_S) -> EpochEnd:
    return EpochEnd(
        trial=trial,
        attempt=0,
        epoch=number,
        metrics={"score": 0.5 + trial / 1000},
        cpu_s=seconds,
        wall_s=seconds,
        reset_s=0.0,
        decision="go on",
    )


def left(events: list[tuple[float, Event]], now: float, known: StudyConfig, **options) -> Remaining:
    found = remaining(
        History(events),
        known,
        full_length=options.pop("full_length", 0),
        metric="score",
        sign=1,
        now=now,
        **options,
    )
    assert found is not None
    return found


def rests(count: int, trials: int) -> list[tuple[float, Event]]:
    """The first `count` trials have ended an epoch each, one after the other, and pause."""
    events: list[tuple[float, Event]] = [(0.0, session("started", trials))]
    for number in range(count):
        at = EPOCH_S * number
        events += [(at, suggestion(number)), (at, segment(number, 1, 1))]
        events.append((at + EPOCH_S, epoch(number, 1)))
    return events


def test_it_is_unknown_until_an_epoch_has_ended():
    events = [(0.0, session("started", 4)), (0.0, suggestion(0)), (0.0, segment(0, 1, 9))]
    known = {"full_length": 0, "metric": "score", "sign": 1, "now": 5.0}

    assert remaining(History(events), config(trials=4), **known) is None
    assert remaining(History([*events, (9.0, epoch(0, 1))]), config(trials=4), **known)


def test_a_trial_that_is_alone_takes_its_own_pace():
    events = [(0.0, session("started", 1)), (0.0, suggestion(0)), (0.0, segment(0, 1, 9))]
    events += [(EPOCH_S, epoch(0, 1)), (2 * EPOCH_S, epoch(0, 2))]

    found = left(events, 2.5 * EPOCH_S, config(trials=1), full_length=1)

    assert found.low_s < 6.5 * EPOCH_S < found.high_s
    assert found.median_s == pytest.approx(6.5 * EPOCH_S, rel=0.1)


def test_it_knows_the_rungs():
    """27 trials at epoch 1; 9 of them go on to 3, 3 of these to 9: 36 epochs."""
    events = rests(27, 27)

    found = left(events, 270.0, config(trials=27))

    assert found.median_s == pytest.approx(36 * EPOCH_S, rel=0.1)


def test_workers_share_what_is_left():
    events = rests(24, 90)

    alone = left(events, 240.0, config(trials=90))
    shared = left(events, 240.0, config(trials=90, workers=4))

    assert shared.median_s == pytest.approx(alone.median_s / 4, rel=0.2)


def test_the_interval_narrows_as_trials_are_seen():
    few, many = (left(rests(n, 60), n * EPOCH_S, config(trials=60)) for n in (2, 40))

    assert few.high_s / few.low_s > 1.3 * many.high_s / many.low_s


def test_trials_to_come_fail_as_often_as_those_seen():
    events = rests(10, 40)
    for number in range(10, 20):
        events += [(100.0, suggestion(number)), (100.0, segment(number, 1, 1))]
        events.append((100.0, failure(number, 1)))
    failing = left(events, 100.0, config(trials=40))
    sound = left(rests(20, 40), 200.0, config(trials=40))

    assert failing.median_s < sound.median_s


def test_processes_that_die_cost_time():
    events = rests(4, 12)
    steady = left(events, 40.0, config(trials=12))
    events.append((40.0, failure(3, 1, final=False, reason="its process died")))

    assert left(events, 40.0, config(trials=12)).median_s > 1.1 * steady.median_s


def test_a_study_that_rests_is_told_as_if_it_went_on_now():
    events = [*rests(9, 9), (90.0, session("stopped", 9))]

    assert left(events, 1000.0, config(trials=9)).median_s == pytest.approx(120.0, rel=0.2)


def test_before_the_start_it_takes_what_was_measured():
    paces = [measured(number, EPOCH_S, {"score": 0.5}, 0.1) for number in range(8)]

    found = left([], 0.0, config(trials=27, workers=3), full_length=2, earlier=paces)

    # Two in full, 25 + 8·2 + 2·6 epochs; a fifth more, as samplers come to prefer what costs more.
    assert found.median_s == pytest.approx(1.2 * 71 * EPOCH_S / 3, rel=0.25)
    assert found.high_s < 2 * found.low_s


def test_a_finished_study_has_nothing_left_and_is_not_changed():
    past = History([*rests(1, 1)[:-1], (9.0, epoch(0, 1))])
    before = len(past.event_trials), past.trials[0].epoch, past.trials[0].target

    sample(past, config(trials=1, max_epochs=1), 0, "score", 1, 9.0, Random(0))

    assert (len(past.event_trials), past.trials[0].epoch, past.trials[0].target) == before
    assert remaining(
        past, config(trials=1, max_epochs=1), full_length=0, metric="score", sign=1, now=9.0
    ) == Remaining(median_s=0.0, low_s=0.0, high_s=0.0)


def test_a_machine_that_has_become_slower_is_taken_as_it_is_now():
    events = rests(24, 60)
    steady = left(events, 240.0, config(trials=60))
    for number in range(24, 36):
        slow = replace(epoch(number, 1), wall_s=3 * EPOCH_S)
        at = 240.0 + 3 * EPOCH_S * (number - 24)
        events += [(at, suggestion(number)), (at, segment(number, 1, 1)), (at + 3 * EPOCH_S, slow)]
    slower = left(events, 600.0, config(trials=60))

    # 12 of 36 trials fewer remain, at twice to three times the pace.
    assert slower.median_s > 1.3 * steady.median_s
    assert slower.high_s / slower.low_s > steady.high_s / steady.low_s


def test_what_workers_lose_between_segments_is_lost_again():
    quick = left(rests(30, 60), 300.0, config(trials=60))
    events: list[tuple[float, Event]] = [(0.0, session("started", 60))]
    for number in range(30):
        at = 2 * EPOCH_S * number
        ended = replace(epoch(number, 1), decision="pause")
        events += [(at, suggestion(number)), (at, segment(number, 1, 1)), (at + EPOCH_S, ended)]

    lossy = left(events, 590.0, config(trials=60))

    assert lossy.median_s > 1.3 * quick.median_s


def test_the_interval_holds_eight_of_ten_samples():
    found = interval_of([float(number) for number in range(101)])

    assert found == Remaining(median_s=50.0, low_s=10.0, high_s=90.0)
    assert interval_of([]) is None
