"""Follow what another process drives: a study by its live view, a trial by its epochs and log."""

from __future__ import annotations

import time
from collections.abc import Callable

from search.record.record import Record, Study
from search.reports.progress import Progress
from search.reports.summary import describe_curve, show_trial
from search.tasks.task import Task

__all__ = ["follow_study", "follow_trial"]

POLL_S = 0.5


def follow_study(record: Record, study: Study, task: Task) -> None:
    """Show the live view until no driver is at work on the study."""
    with Progress(record, study, task):
        while record.driven(study.name):
            time.sleep(POLL_S)


def follow_trial(
    record: Record, study: Study, number: int, show: Callable[[str], None] = print
) -> None:
    """Show each epoch as it ends, and what the trial prints, until it has ended or no driver is at
    work. Waits for a trial that has not begun. Raises RecordError."""
    epochs, log = 0, ""
    while True:
        driven = record.driven(study.name)
        if driven and number >= len(record.history(study).trials):
            time.sleep(POLL_S)
            continue
        trial = show_trial(record, study, number)
        for line in trial["log"].removeprefix(log).splitlines():
            show(line)
        log = trial["log"]
        for line in describe_curve(trial["curve"])[epochs:]:
            show(line)
        epochs = len(trial["curve"])
        if trial["state"] in ("complete", "failed") or not driven:
            show(f"trial {number}: {trial['state']}")
            return
        time.sleep(POLL_S)
