"""What is kept from one decision to the next is what looking at every trial would give."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from search.decisions.history import History, Trial
from search.decisions.ranking import Ranking
from search.decisions.sampler import BEST_SEEN, NEWEST_SEEN, rank_trials, seen_trials
from tests.search.studies import epoch, failure, segment, session, suggestion


def _any_study(seed: int, events: int, levels: int = 4) -> History:
    """Any events in an order that can be: sessions, retries and failures among them."""
    drawn, history = random.Random(seed), History([(0.0, session("started"))])
    for now in itertools.count(1):
        if now > events:
            return history
        trials = [t for t in history.trials if not t.failed]
        trial = drawn.choice(trials) if trials and drawn.random() < 0.8 else None
        if trial is None:
            if drawn.random() < 0.1:
                kind = drawn.choice(["started", "finished", "interrupted"])
                history.apply(now, session(kind))
                continue
            number = len(history.trials)
            history.apply(now, suggestion(number))
            history.apply(now, segment(number, 1, drawn.choice([1, 3])))
        elif trial.epoch == trial.target:
            history.apply(now, segment(trial.number, trial.epoch + 1, 3 * trial.target))
        elif drawn.random() < 0.2:
            attempt, final = trial.attempt, drawn.random() < 0.5
            history.apply(now, failure(trial.number, trial.epoch + 1, attempt=attempt, final=final))
        else:
            score = drawn.randrange(levels) / levels
            history.apply(now, epoch(trial.number, trial.epoch + 1, score))


def _score(trial: Trial) -> float:
    return trial.value("score")


@given(st.integers(0, 2**32), st.lists(st.integers(0, 80), min_size=1, max_size=5))
def test_a_ranking_looked_at_now_and_then_is_its_trials_sorted(seed, looks):
    ranked, past = None, None
    for events in sorted(looks):
        now = _any_study(seed, events)  # the same study, so far
        if past is None:
            past = now
            ranked = Ranking(
                past, counts=lambda t: 0 < t.epoch == t.target and not t.failed, value=_score
            )
        vars(past).update(vars(now))  # it goes on
        counting = [t for t in past.trials if 0 < t.epoch == t.target and not t.failed]
        plain = sorted(counting, key=lambda t: (-_score(t), t.number))

        assert ranked.top(len(plain) + 1) == plain
        assert len(ranked) == len(plain)
        assert ranked.best() == (plain[0] if plain else None)
        assert [ranked.rank(trial) for trial in plain] == list(range(len(plain)))


@given(st.integers(0, 2**32), st.integers(0, 120))
def test_what_a_history_keeps_is_what_its_trials_say(seed, events):
    past = _any_study(seed, events)
    trials = past.trials

    assert past.open_trials() == [t for t in trials if t.open]
    assert past.next_waiting() == next((t for t in trials if t.unfinished and not t.open), None)
    assert past.failed == sum(t.failed for t in trials)
    assert past.epochs == sum(t.epoch for t in trials)
    assert past.epoch_walls_s == sorted(e.wall_s for t in trials for e in t.epochs)
    assert past.any_arrived == any(t.epoch >= t.target > 0 for t in trials)
    assert past.unfinished == sum(t.open or t.unfinished for t in trials)
    assert past.trained == sum(t.epoch > 0 for t in trials)


def test_the_sampler_sees_the_best_and_of_the_others_the_newest():
    past = _any_study(3, 3000, levels=1000)
    with_value = [t for t in past.trials if t.epochs and not t.failed]
    best = sorted(with_value, key=lambda t: (-_score(t), t.number))[:BEST_SEEN]
    others = [t for t in past.trials if t not in best][-NEWEST_SEEN:]
    assert len(past.trials) > BEST_SEEN + 2 * NEWEST_SEEN

    assert seen_trials(rank_trials(past, _score)) == sorted(
        [*best, *others], key=lambda t: t.number
    )
