"""Record → an Optuna study, which `optuna.load_study` and optuna-dashboard open.

One idempotent function of the record. Optuna never changes a trial that has ended, nor tells when
one ended but now; so what is there already stays while it is as the record tells it, new trials are
added, and a study whose trials went on since is written anew.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.errors import UserError
from search.record.record import Record, Study
from search.reports.summary import trial_state
from search.tasks.task import Task
from search.tracking.optuna_storage import optuna_storage
from search.tracking.optuna_trials import OptunaTrials

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["NAMES", "Exported", "export_to_optuna"]

# User attributes of Optuna's study.
_CREATED = "study_created"  # which study of ours it shows
NAMES = "hyperparameters"  # of Optuna's names that are not ours: ours
_COMPARED = ("state", "value", "params", "distributions", "intermediate_values", "user_attrs")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export did."""

    trials: int
    added: int
    anew: bool  # what was there before was replaced

    def __str__(self) -> str:
        how = "all written anew, some have gone on since" if self.anew else f"{self.added} new"
        return f"{self.trials} trials, {how}"


def export_to_optuna(
    record: Record, study: Study, task: Task, address: str, *, space_known: bool
) -> Exported:
    """Bring the Optuna study of the study's name at `address` up to the record.

    `space_known`: whether `task` has its space. Raises UserError.
    """
    history = record.history(study)
    driven = record.driven(study.name)
    shown = OptunaTrials(
        history,
        [trial_state(history, trial, study, driven) for trial in history.trials],
        metric=task.metric,
        space=task.space if space_known else None,
        fixed=study.config.fixed,
    )
    folder = record.study_folder(study.name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "export.lock").open("a") as lock, optuna_storage(address, create=True) as there:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _bring_up(there, study, task, shown)


def _bring_up(there: BaseStorage, study: Study, task: Task, shown: OptunaTrials) -> Exported:
    import optuna

    known = _find(there, study)
    before = known.get_trials(deepcopy=False) if known else []
    anew = known is not None and not _is_beginning(before, shown.trials)
    if anew:
        optuna.delete_study(study_name=study.name, storage=there)
        known, before = None, []
    if known is None:
        known = optuna.create_study(
            storage=there,
            study_name=study.name,
            direction="maximize" if task.sign > 0 else "minimize",
        )
        known.set_user_attr(_CREATED, study.created_at)
        known.set_metric_names([task.metric])
    for name, value in (("task", study.config.task), (NAMES, shown.names)):
        if known.user_attrs.get(name) != value:
            known.set_user_attr(name, value)
    known.add_trials(shown.trials[len(before) :])
    return Exported(trials=len(shown.trials), added=len(shown.trials) - len(before), anew=anew)


def _find(there: BaseStorage, study: Study) -> optuna.Study | None:
    """The Optuna study that shows this one. Raises UserError where the name is another's."""
    import optuna

    if study.name not in optuna.get_all_study_names(there):
        return None
    known = optuna.load_study(study_name=study.name, storage=there)
    if known.user_attrs.get(_CREATED) != study.created_at:
        raise UserError(
            f"there is another Optuna study {study.name} there, which stays as it is: name "
            "another file or database"
        )
    return known


def _is_beginning(before: Sequence[FrozenTrial], now: Sequence[FrozenTrial]) -> bool:
    return len(before) <= len(now) and all(
        _content(was) == _content(trial) for was, trial in zip(before, now, strict=False)
    )


def _content(trial: FrozenTrial) -> list[Any]:
    return [getattr(trial, name) for name in _COMPARED]
