"""A study that is on record and is to go on: what may differ from before, and what may not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from search.decisions.gain import gain_of, no_gain
from search.decisions.history import History
from search.decisions.until import parse_until
from search.driver.begin import prepare
from search.driver.budget import extended_by_budget
from search.driver.new_study import OpenStudy, check_cluster, tell_room
from search.errors import TrackingError, UserError
from search.files.storage import check_storage
from search.files.typed import typed_storage
from search.record.commands import command
from search.record.record import Record, Study
from search.record.relocation import relocate
from search.reports.summary import best_trial
from search.tasks.config import StudyConfig
from search.tasks.provenance import changes, depends_on
from search.tasks.registry import find_task
from search.tasks.task import Task
from search.tracking.addresses import absolute, check_server
from search.tracking.notify import check_target

__all__ = ["reopen"]

NO_BOUND = "none"  # what lifts `until`


def reopen(
    record: Record,
    study: Study,
    task: Task | None = None,
    *,
    trials: int | None = None,
    address: str | None = None,
    accept_changes: bool = False,
    say: Callable[[str], None] = lambda text: None,
    notify: str | None = None,
    **changed: Any,
) -> tuple[OpenStudy, int]:
    """A study that is to go on, and the number of trials it is to have then.

    `changed`: fields of `relocation.CHANGEABLE` with their new values; None leaves one as it is.
    Raises UserError, DataError.
    """
    if study.config.parent is not None:
        raise UserError(
            f"{study.name} is part of a promotion: "
            f"`{command(record, f'promote {study.config.parent}')}`"
        )
    task = task or find_task(study.config.task)
    history = record.history(study)
    length = history.length or study.config.trials
    trials = length if trials is None else trials
    if trials < length:
        raise UserError(
            f"--trials must be at least the study's length ({length}), got {trials}: "
            "a study can be extended, not cut"
        )
    new = {key: value for key, value in changed.items() if value is not None}
    if "storage" in new:
        new["storage"] = typed_storage(new["storage"])
    if "tracking_uri" in new:
        new["tracking_uri"] = absolute(new["tracking_uri"])
        check_server(new["tracking_uri"])
    if new.get("until") == NO_BOUND:
        new["until"] = ""
    config = dataclasses.replace(study.config, trials=trials, **new)
    if "budget_epochs" in new:
        asked = trials > length
        trials = extended_by_budget(config, task, history, trials=trials, asked=asked)
        config = dataclasses.replace(config, trials=trials)
    _check_until(config, study, task, history)
    _check_gain(config, study, task, history, extended=trials > length)
    if notify is not None:
        check_target(notify)
    elif history.notified:
        say("--notify was given before, and is kept nowhere: who is to be told must be given again")
    tell_room(config, address, say)
    check_storage(config.storage)
    prepared = prepare(task, config)
    now = depends_on(task, prepared, config.task, config.own_modules)
    differing = changes(history.depends_on or study.origin, now)
    if differing and not accept_changes:
        # Who reproduces a table or ablates a study has no such option.
        all_the_same = command(record, f"resume {study.name} --accept-changes")
        raise UserError(
            f"study {study.name} began with other versions ({'; '.join(differing)}): its trials "
            f"may not compare; go on all the same by `{all_the_same}`"
        )
    check_cluster(config, address, task, prepared, record.folder)
    if new:
        study = relocate(record, study, new)
    if "tracking_uri" not in new:
        try:
            check_server(study.config.tracking_uri)
        except TrackingError as error:  # training does not wait for it, begun as it is
            say(f"MLflow will be behind: {error}")
    return OpenStudy(record=record, study=study, task=task, prepared=prepared), trials


def _check_gain(
    config: StudyConfig, study: Study, task: Task, history: History, *, extended: bool
) -> None:
    """Raises UserError where the study would end at once, as it did. One that was extended, too:
    more trials are what brings nothing."""
    session = history.last_session
    if not config.stop_when_no_gain or session is None or session.event != "finished":
        return
    if not extended and len(history.trials) >= history.length:
        return
    gain = gain_of(
        history,
        full_length=len(task.first_trials(config)),
        first_epoch=config.min_epochs,
        max_epochs=config.max_epochs,
        value=lambda trial, epoch: task.sign * trial.value(task.metric, epoch),
    )
    if why := no_gain(gain):
        raise UserError(f"study {study.name} has ended, {why}: go on with --no-stop-when-no-gain")


def _check_until(config: StudyConfig, study: Study, task: Task, history: History) -> None:
    """Raises UserError where it is none, or is reached already."""
    if not config.until:
        return
    until = parse_until(config.until, metric=task.metric, mode=task.mode)
    best = best_trial(history, study, task)
    if best is not None and until.reached(best.value(task.metric)):
        raise UserError(
            f"study {study.name} has reached {until}, by trial {best.number}: go on with another "
            f"--until, or with --until {NO_BOUND}"
        )
