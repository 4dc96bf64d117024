"""Distributed hyperparameter search: Optuna proposes, Ray Tune runs, ASHA stops, MLflow shows.

    import search

    study = search.run("sts", trials=64)     # or a search.Task of your own
    study.best                               # its number, value, epoch and configuration
    study.trials                             # a pandas table, a row a trial
    study.resume(trials=128)
    model = study.promote().model            # confirmed on fresh seeds, tested once, registered

The commands (`python -m search`) are one call each of what is here. What a user can put right is a
`UserError`. Importing this imports neither Ray nor torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

# First: from here on Ctrl-C is quiet.
import search.ctrl_c
from search.driver.study import StudyHandle, ignore_line, print_line
from search.errors import EndedEarly, UserError
from search.files.defaults import default_studies_dir
from search.machines.ray_environment import set_environment

if TYPE_CHECKING:
    import pandas as pd

    from search.calls import compare, doctor, import_study, known_points, predict
    from search.promotion.begin import Promoted
    from search.promotion.confirm import Prefer
    from search.reports.ablation import Ablation
    from search.reports.forecast import Forecast
    from search.tasks.config import Value
    from search.tasks.in_memory_data import InMemoryData
    from search.tasks.task import Task
    from trainables import Epoch

__version__ = "0.2.0"
__all__ = [
    "EndedEarly",
    "Epoch",
    "InMemoryData",
    "Study",
    "Task",
    "UserError",
    "compare",
    "doctor",
    "import_study",
    "known_points",
    "load",
    "plan",
    "predict",
    "promote",
    "run",
    "search",
    "studies",
    "submit",
]

set_environment()

_ELSEWHERE = {
    "Epoch": "trainables",
    "InMemoryData": "search.tasks.in_memory_data",
    "Task": "search.tasks.task",
    **dict.fromkeys(
        ("compare", "doctor", "import_study", "known_points", "predict"), "search.calls"
    ),
}


def __getattr__(name: str) -> Any:
    """What is imported when it is first used: NumPy comes with it."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'search' has no attribute {name!r}; there are: {__all__}")
    return getattr(importlib.import_module(_ELSEWHERE[name]), name)


def run(
    task: str | Task,
    *,
    trials: int | None = None,
    name: str | None = None,
    workers: int | None = None,
    max_epochs: int | None = None,
    fixed: Mapping[str, Value] | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    gpus_per_trial: float = 0.0,
    time_budget_s: float | None = None,
    studies_dir: str | Path | None = None,
    record: str | None = None,
    address: str | None = None,
    quiet: bool = False,
    events: bool = False,
    notify: str | None = None,
    say: Callable[[str], None] = print_line,
    **others: Any,
) -> Study:
    """Start a study of `task` and see it through, with a live view on stderr or in the notebook.

    `task`: "sts", "cnn", your own as "module:ATTRIBUTE", or a `Task`, which may be defined in a
    notebook or in the script that calls this. None stands for the task's own value; for `trials`,
    64, or as many as `budget_epochs` holds; for `workers`, as many as the machine's cores and GPUs
    hold. `fixed`: hyperparameters that are not drawn. `address`: HOST:PORT of a Ray cluster that
    this machine is part of. `events`: in place of the view, a line of JSON for whatever happens.
    `notify`: a web address, or a command, that is given JSON at each new best and at the end.
    `others`: further fields of StudyConfig: points (names of the task's, or name →
    hyperparameters), point_seeds, warm_start (an earlier study's name), until ("accuracy>=0.9"),
    budget_epochs, stop_when_no_gain, seed, sampler, scheduler, min_epochs, reduction_factor,
    baseline, cpus_per_trial, trial_timeout_s, keep_checkpoints, tracking_uri, storage. Where
    studies are kept, by default, is what the commands' environment variables say, else ./studies.

    Returns when the study is finished, when `time_budget_s` is spent, or when it was asked to
    `stop`; it can be resumed then. Raises UserError before the start, EndedEarly where it cannot
    go on, KeyboardInterrupt when interrupted.
    """
    from search.driver.new_study import new_study

    say = ignore_line if quiet else say
    opened = new_study(
        task,
        studies_dir=default_studies_dir(studies_dir),
        record_url=record,
        address=address,
        say=say,
        trials=trials,
        name=name,
        workers=workers,
        max_epochs=max_epochs,
        fixed=fixed,
        dataset=dataset,
        data_dir=data_dir,
        gpus_per_trial=gpus_per_trial,
        notify=notify,
        **others,
    )
    return Study(opened.record, opened.study, opened.task).drive(
        opened,
        opened.study.config.trials,
        time_budget_s,
        address,
        quiet,
        say,
        events=events,
        notify=notify,
    )


def plan(
    task: str | Task,
    *,
    studies_dir: str | Path | None = None,
    record: str | None = None,
    address: str | None = None,
    price_per_hour: float | None = None,
    **options: Any,
) -> Forecast:
    """What `run` with the same options would take: trials at each rung, epochs, time with an 80%
    interval, disk, and money at a price an hour of all machines together.

    The time is by earlier studies of the task on such a machine; else some epochs are trained now,
    for about 10 s. Nothing is put on record. Raises UserError.
    """
    from search.driver.planning import plan_study

    return plan_study(
        task,
        studies_dir=default_studies_dir(studies_dir),
        record_url=record,
        address=address,
        price_per_hour=price_per_hour,
        **options,
    )


def submit(task: str, *, cluster: str = "http://127.0.0.1:8265", **options: Any) -> str:
    """Hand a study to the head of a cluster, whose job server is at `cluster`; the study's name.

    `options`: those of `run`. Returns once the study is on record there; it goes on whatever
    becomes of this process. Raises UserError, also for what the head refuses.
    """
    from search.driver.submit import submit as hand_over

    return hand_over(task, cluster, options)


def load(
    name: str,
    *,
    task: Task | None = None,
    studies_dir: str | Path | None = None,
    record: str | None = None,
) -> Study:
    """A study that is on record, whoever began or drives it. `task`: needed only of one that was
    defined in a notebook or script. Raises UserError, whose text names the studies there are."""
    from search.record.record import open_record

    opened = open_record(default_studies_dir(studies_dir), url=record)
    row = opened.study(name)
    if task is not None:
        from search.tasks.defined_here import name_of

        if (given := name_of(task)) != row.config.task:
            raise UserError(f"study {name} is one of task {row.config.task}, got {given}")
    return Study(opened, row, task)


def studies(*, studies_dir: str | Path | None = None, record: str | None = None) -> pd.DataFrame:
    """A row a study, in the order of their creation: name, task, state, trials, metric, best.
    Raises UserError where there is no record."""
    from search.record.record import open_record
    from search.reports.listing import studies_table

    return studies_table(open_record(default_studies_dir(studies_dir), url=record))


def promote(name: str, **options: Any) -> Promoted:
    """`load(name).promote(…)`: the best configuration, confirmed, tested once, registered."""
    where = {key: options.pop(key) for key in ("studies_dir", "record") if key in options}
    return load(name, **where).promote(**options)


class Study(StudyHandle):
    """A study on record: what is known of it, and what can be done with it."""

    def promote(
        self,
        *,
        top: int = 5,
        runs: int = 15,
        tolerance: float | None = None,
        prefer: Prefer = "best",
        final_seeds: int = 5,
        audit: int = 3,
        ensemble: int = 0,
        force: bool = False,
        accept_changes: bool = False,
        tracking_uri: str | None = None,
        address: str | None = None,
        quiet: bool = False,
        say: Callable[[str], None] = print_line,
    ) -> Promoted:
        """From noisy trials to a registered model (search/promotion/README.md). Killed and called
        again it repeats no finished run. Raises UserError, EndedEarly, KeyboardInterrupt."""
        from search.promotion.begin import promote_study

        return promote_study(
            self._record,
            self._row if tracking_uri is None else self._row.with_tracking_uri(tracking_uri),
            self.task,
            top=top,
            runs=runs,
            tolerance=tolerance,
            prefer=prefer,
            final_seeds=final_seeds,
            audit=audit,
            ensemble=ensemble,
            force=force,
            accept_changes=accept_changes,
            address=address,
            quiet=quiet,
            say=ignore_line if quiet else say,
        )

    def ablate(
        self,
        *,
        seeds: int = 3,
        against: str | None = None,
        address: str | None = None,
        quiet: bool = False,
        say: Callable[[str], None] = print_line,
    ) -> Ablation:
        """What each change from the point `against` (the task's first, else its default) to the
        best trial is worth, each made alone, on fresh seeds; `effects` holds the table. Called
        again it repeats no finished run. Raises UserError, EndedEarly, KeyboardInterrupt."""
        from search.experiments.ablate import ablate

        return ablate(
            self._record,
            self._row,
            self.task,
            seeds=seeds,
            against=against,
            address=address,
            quiet=quiet,
            say=ignore_line if quiet else say,
        )
