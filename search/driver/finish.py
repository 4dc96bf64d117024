"""What is done when a driver leaves a study: its table, its superfluous checkpoints."""

from __future__ import annotations

from search.decisions.checkpoint_cleanup import superfluous_checkpoints
from search.record.record import Record, Study
from search.reports.table import write_table
from search.tasks.task import Task

__all__ = ["finish"]


def finish(record: Record, study: Study, task: Task) -> None:
    """Write the table; of a finished study, drop the checkpoints that nobody needs."""
    history = record.history(study)
    dropped = superfluous_checkpoints(
        history,
        value=lambda trial: task.sign * trial.value(task.metric),
        max_epochs=study.config.max_epochs,
        keep=study.config.keep_checkpoints,
    )
    record.files(study).delete_checkpoints(dropped)
    write_table(record, study)
