"""Which checkpoints a study can do without."""

from __future__ import annotations

from collections.abc import Callable

from search.decisions.history import History, Trial

__all__ = ["superfluous_checkpoints"]


def superfluous_checkpoints(
    history: History, *, value: Callable[[Trial], float], max_epochs: int, keep: int
) -> set[int]:
    """The numbers of the trials whose checkpoints can be deleted.

    `value(trial)` is the objective, larger is better.

    While the study runs, a paused trial needs its own; of the complete ones the `keep` best do.
    Once it is finished the `keep` best of all do: a trial without one can still go on when the
    study is extended, since it is trained anew, to the same epochs.
    """
    session = history.last_session
    finished = session is not None and session.event == "finished"
    trained = [t for t in history.trials if t.epochs and not t.failed]
    ended = trained if finished else [t for t in trained if t.epoch >= max_epochs]
    ended.sort(key=lambda trial: (-trial.epoch, -value(trial), trial.number))
    failed = {trial.number for trial in history.trials if trial.failed}
    return failed | {trial.number for trial in ended[keep:]}
