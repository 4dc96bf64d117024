"""A finished run as a sealed model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.decisions.history import Trial
from search.errors import RecordError
from search.record.commands import command
from search.record.record import Record, Study
from search.tasks.task import Task

__all__ = ["LostCheckpointError", "export_trial"]


class LostCheckpointError(RecordError):
    """A run has no model any more."""


def export_trial(
    record: Record, study: Study, task: Task, data: Any, run: Trial, target: Path, then: str
) -> str:
    """The model of the run's last epoch in the new folder `target`; its hash.

    `then`: what to do once the study is deleted. Raises LostCheckpointError.
    """
    from trainables.export import verify

    found = record.files(study).load_checkpoint(run.number, run.epoch)
    if found is None or found[0] != run.epoch:
        raise LostCheckpointError(
            f"the checkpoint of {study.name}, trial {run.number}, is lost or damaged: "
            f"`{command(record, f'delete {study.name}')}`, then {then}"
        )
    target.mkdir()
    task.model_module().export(task.config(**run.suggestion.config), data, found[1], target)
    return verify(target)
