"""A study's states are a fold of its events."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.decisions.history import History
from tests.search.studies import (
    epoch,
    failure,
    history,
    scored,
    segment,
    session,
    suggestion,
)

EVENTS = [
    session("started", 4),
    suggestion(0),
    segment(0, 1, 3),
    epoch(0, 1, 0.1),
    suggestion(1),
    segment(1, 1, 1),
    epoch(0, 2, 0.2),
    epoch(1, 1, 0.3, "pause"),
    suggestion(2),
    segment(2, 1, 1),
    failure(2, 1, final=False),
    segment(2, 1, 1, attempt=1),
    failure(2, 1, attempt=1),
    epoch(0, 3, 0.3, "complete"),
    suggestion(3),
    segment(3, 1, 1),
    session("interrupted", 4),
    session("started", 4),
    segment(3, 1, 1),
    epoch(3, 1, 0.1, "pause"),
    session("finished", 4),
]


def _states(past: History, max_epochs: int = 3) -> list[str]:
    return [past.state(trial, max_epochs) for trial in past.trials]


@pytest.mark.parametrize(
    ("seen", "states"),
    [
        (3, ["running"]),
        (6, ["running", "running"]),
        (8, ["running", "paused"]),
        (11, ["running", "paused", "paused"]),  # its process died: in nobody's hands
        (12, ["running", "paused", "running"]),
        (14, ["complete", "paused", "failed"]),
        (16, ["complete", "paused", "failed", "running"]),
        (17, ["complete", "paused", "failed", "paused"]),
        (19, ["complete", "paused", "failed", "running"]),
        (21, ["complete", "pruned", "failed", "pruned"]),
    ],
)
def test_states_after_so_many_events(seen, states):
    assert _states(history(EVENTS[:seen])) == states


@given(st.integers(0, len(EVENTS)))
def test_events_read_in_two_parts_give_the_same_history(cut):
    timed = [(100.0 + i, event) for i, event in enumerate(EVENTS)]
    whole, parts = History(timed), History(timed[:cut])

    parts = copy.deepcopy(parts)
    for at, event in timed[cut:]:
        parts.apply(at, event)

    assert vars(parts) == vars(whole)


def test_extension_turns_pruned_into_paused():
    events = [*scored({1: 0.1}, {1: 0.5}), session("finished", 2)]

    assert _states(history(events)) == ["pruned", "pruned"]
    assert _states(history([*events, session("started", 4)])) == ["paused", "paused"]


def test_an_interruption_prunes_nobody():
    assert _states(history([*scored({1: 0.1}), session("interrupted", 2)])) == ["paused"]


def test_the_study_is_as_long_as_it_was_last_asked_to_be():
    past = history([session("started", 4), session("finished", 4), session("started", 9)])

    assert past.length == 9


def test_a_new_driver_finds_no_trial_in_a_worker_s_hands():
    past = history([session("started"), suggestion(0), segment(0, 1, 9), epoch(0, 1, 0.5)])
    assert past.open_trials() == past.trials

    past.apply(200.0, session("started"))

    assert past.open_trials() == []
    assert past.trials[0].unfinished


def test_a_trial_knows_its_value_attempts_and_times():
    past = history(EVENTS)
    first, _, failed, _ = past.trials

    assert (first.value("score"), first.value("score", 1)) == (0.3, 0.1)
    assert first.started_at == 101.0
    assert first.epoch_times == [103.0, 106.0, 113.0]
    assert first.ended_at == 113.0
    assert (failed.attempt, failed.failed, failed.epoch) == (2, True, 0)


def test_a_killed_session_ends_with_its_last_event():
    past = history(
        [
            session("started"),  # at 100
            suggestion(0),
            segment(0, 1, 9),  # at 102
            epoch(0, 1, 0.5),  # at 103
            session("started"),  # at 104
            segment(0, 2, 9),
            epoch(0, 2, 0.5),  # at 106
            session("finished"),  # at 107
        ]
    )

    assert [(span.started, span.ended) for span in past.spans] == [(100, 103), (104, 107)]
    assert [span.wall_s for span in past.spans] == [3, 3]
    assert [span.training_s for span in past.spans] == [1, 1]
    assert [span.cpu_s for span in past.spans] == [0.5, 0.5]


def test_a_session_that_trained_nothing_has_no_training_time():
    past = history([session("started"), session("interrupted")])

    assert [(span.wall_s, span.training_s) for span in past.spans] == [(1, 0)]


@pytest.mark.parametrize(
    "wrong",
    [
        [session("started"), suggestion(1)],
        [*scored({1: 0.1}), epoch(0, 1, 0.2)],
        [*scored({1: 0.1}), epoch(0, 3, 0.2)],
    ],
)
def test_events_out_of_order_are_a_mistake_of_ours(wrong):
    with pytest.raises(AssertionError):
        history(wrong)
