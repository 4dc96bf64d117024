"""Which checkpoints a study can do without."""

from __future__ import annotations

from search.decisions.checkpoint_cleanup import superfluous_checkpoints
from search.decisions.history import Trial
from tests.search.studies import failure, history, scored, segment, session, suggestion

EVENTS = [
    *scored({9: 0.5}, {9: 0.75}, {9: 0.6}, {1: 0.3}, {3: 0.9}),
    *[suggestion(5), segment(5, 1, 1), failure(5, 1)],
]


def _score(trial: Trial) -> float:
    return trial.value("score")


def test_a_running_study_keeps_paused_trials_and_the_best_complete_ones() -> None:
    running = history(EVENTS)

    assert superfluous_checkpoints(running, value=_score, max_epochs=9, keep=2) == {0, 5}


def test_a_finished_study_keeps_the_best_that_got_furthest() -> None:
    finished = history([*EVENTS, session("finished", 6)])

    assert superfluous_checkpoints(finished, value=_score, max_epochs=9, keep=4) == {3, 5}
    assert superfluous_checkpoints(finished, value=_score, max_epochs=9, keep=1) == {0, 2, 3, 4, 5}
