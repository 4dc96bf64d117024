"""What is done when a driver leaves a study: its table, its superfluous checkpoints."""

from __future__ import annotations

import contextlib

from search.decisions.audit import AUDITED, draw, stopped_trials
from search.decisions.checkpoint_cleanup import superfluous_checkpoints
from search.decisions.history import History
from search.record.record import Record, Study
from search.reports.recorded_task import keep_claims
from search.reports.summary import complete_trials, summarise
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
    record.files(study).delete_checkpoints(dropped - _to_audit(history, study, task))
    _keep_claims(record, study, task, history)
    write_table(record, study)


def _to_audit(history: History, study: Study, task: Task) -> set[int]:
    """The stopped trials that a promotion would train to the end, from where they stand."""
    config = study.config
    stopped = stopped_trials(
        history, full_length=len(task.first_trials(config)), max_epochs=config.max_epochs
    )
    rungs = {trial.number: trial.epoch for trial in stopped}
    return {drawn.trial for drawn in draw(rungs, count=AUDITED, seed=config.seed)}


def _keep_claims(record: Record, study: Study, task: Task, history: History) -> None:
    with contextlib.suppress(Exception):  # of a task's objective: who asks for a summary hears it
        baselines = summarise(record, study, task, history)["baselines"].items()
        claims = {n: b["best_minus_this"] for n, b in baselines if "best_minus_this" in b}
        ranking = complete_trials(history, study, task)
        complete = [trial.number for trial in ranking.top(len(ranking))]
        if claims:
            keep_claims(record.study_folder(study.name), complete, claims)
