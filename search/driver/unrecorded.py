"""What a trial has trained and its driver may not have put on record: it is not trained again.

A driver may die, or its database be away, after an epoch was trained. Each checkpoint holds what
the epochs of its segment have measured, so that a trial goes on from the newest one, and tells the
driver once more of the epochs that the record lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.decisions.history import Suggestion, Trial
from search.files.paths import checkpoint_folder
from search.files.study_files import StudyFiles
from trainables import State

__all__ = ["Unrecorded", "with_record"]

# Measured numbers in a checkpoint; of a longer segment none are kept, and it is trained again.
MOST_NUMBERS = 20_000


def with_record(state: State, run: Suggestion, trial: Trial) -> State:
    """The state that `trial` was left in, for a `run` that goes on from there: it tells of the
    trial's epochs once more, as its own process has told of them (trial.py)."""
    from trainables.checkpoint import RESULTS

    measured = [
        {
            "epoch": epoch.epoch,
            "metrics": dict(epoch.metrics),
            "cpu_s": epoch.cpu_s,
            "wall_s": epoch.wall_s,
            "reset_s": epoch.reset_s,
        }
        for epoch in trial.epochs
    ]
    kept = {"seed": run.seed, "config": dict(run.config), "epochs": measured}
    return {**state, RESULTS: kept}


class Unrecorded:
    """Of one segment."""

    def __init__(self, segment: Mapping[str, Any]) -> None:
        self._segment = segment
        # A record may be older than the checkpoints, and this number's trial another one since.
        self._trial = {"seed": segment["seed"], "config": dict(segment["config"])}
        self._results: list[dict[str, Any]] = []
        # Epochs that were trained before: they are told again before any other trains.
        self.to_tell: list[dict[str, Any]] = []

    def with_results(self, state: State, result: Mapping[str, Any]) -> State:
        """The state after an epoch, as its checkpoint is to hold it."""
        from trainables.checkpoint import RESULTS

        self._results.append(dict(result))
        numbers = len(self._results) * len(result["metrics"])
        if not isinstance(state, Mapping) or numbers > MOST_NUMBERS:
            return state
        return {**state, RESULTS: {**self._trial, "epochs": self._results}}

    def load(self, files: StudyFiles) -> tuple[int, State] | None:
        """The checkpoint to go on from, as (its epoch, state); None: from the start.

        Raises StorageError.
        """
        trial, done = self._segment["trial"], self._segment["first_epoch"] - 1
        # Results that a complete trial leaves are written after its last checkpoint.
        newest = min(self._segment["last_epoch"], self._segment["max_epochs"] - 1)
        if newest > done:
            found = files.load_checkpoint(trial, newest)
            if found is None or found[0] <= done:
                return found
            if known := self._known(files, found[0], done):
                self._results, self.to_tell = known, [dict(result) for result in known]
                return found
        return files.load_checkpoint(trial, done) if done else None

    def _known(self, files: StudyFiles, epoch: int, done: int) -> list[dict[str, Any]]:
        """What the epochs after `done` have measured, up to `epoch`; [] if that is not known."""
        from trainables import checkpoint

        kept = checkpoint.results(checkpoint_folder(files.folder, self._segment["trial"]), epoch)
        if kept is None or {key: kept[key] for key in self._trial} != self._trial:
            return []
        known = [result for result in kept["epochs"] if done < result["epoch"] <= epoch]
        complete = [result["epoch"] for result in known] == list(range(done + 1, epoch + 1))
        return known if complete else []
