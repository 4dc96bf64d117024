"""`--warm-start`: what a new study takes from an earlier one, of this record or of Optuna's.

Where data, space, objective and full length are the same, scores compare: then the sampler knows
the earlier trials. Else only the best few configurations are worth something: they are tried first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from search.decisions.history import History, Trial
from search.decisions.sampler import rank_trials, seen_trials
from search.decisions.warm_start import Known, WarmStart
from search.errors import UserError, first_line
from search.files.typed import typed_path
from search.record.record import Record, Study
from search.tasks.config import StudyConfig, Value
from search.tasks.known_points import KnownPoints, read_points
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from search.tasks.user_code import with_place
from search.tracking.export import OPTUNA
from search.tracking.optuna_import import import_points
from trainables.data import Prepared

__all__ = ["warm_start"]

TRIED_FIRST = 5  # where scores do not compare


def warm_start(
    record: Record, config: StudyConfig, task: Task, prepared: Prepared
) -> tuple[WarmStart, str]:
    """What the study `config` is to know before its first trial, and a line that says what.

    `config.warm_start`: the name of a study of the record; "optuna:URL"; or a file of known points
    (`import --from` writes one). Raises UserError where nothing of it can be used.
    """
    source = config.warm_start
    if source.startswith(OPTUNA):
        known = _of_optuna(source)
        return _first(_of_points(known), f"Optuna study {known.study}", config, task, prepared)
    if source.endswith(".json"):
        known = read_points(typed_path(source))
        return _first(_of_points(known), f"{source}", config, task, prepared)
    study = record.study(source)
    if study.config.parent is not None:
        raise UserError(f"{source} is part of a promotion: name study {study.config.parent}")
    history = record.history(study)
    why = _why_not_comparable(history, study, config, task, prepared)
    if why:
        name = f"study {source} ({why})"
        return _first(_best_of(history, study, task), name, config, task, prepared)
    ranked = rank_trials(history, lambda trial: task.sign * trial.value(task.metric))
    trials = [t for t in seen_trials(ranked) if t.failed or t.epochs]
    if not any(not trial.failed for trial in trials):
        raise UserError(f"no trial of study {source} has a value: nothing is known from it")
    kept = [
        Known(
            config=dict(trial.suggestion.config),
            value=None if trial.failed else trial.value(task.metric),
        )
        for trial in trials
    ]
    line = (
        f"warm start: the sampler knows {len(kept)} trials of study {source}, same data and space"
    )
    return WarmStart(known=kept), line


def _of_optuna(source: str) -> KnownPoints:
    try:
        return import_points(source)[0]
    except UserError as error:
        if "--study" not in str(error):
            raise
        raise UserError(
            f"{first_line(error)}, to `import --from`: it writes a file that --warm-start takes"
        ) from None


def _why_not_comparable(
    history: History, study: Study, config: StudyConfig, task: Task, prepared: Prepared
) -> str:
    """Why the sampler cannot learn from an earlier study; "": it can."""
    was: Mapping[str, Any] = history.depends_on or study.origin
    now = depends_on(task, prepared, config.task)
    objective = {"metric": task.metric, "mode": task.mode}
    different = {
        "data": was.get("data") != now["data"],
        "space": was.get("space") != now["space"],
        "objective": study.origin.get("objective", objective) != objective,
        "max_epochs": study.config.max_epochs != config.max_epochs,
    }
    differing = [name for name, differs in different.items() if differs]
    if differing:
        return f"not the same: {', '.join(differing)}"
    return "the random sampler learns nothing" if config.sampler == "random" else ""


def _best_of(history: History, study: Study, task: Task) -> Iterator[tuple[str, dict[str, Value]]]:
    """Those that trained longest first, of these the best first."""
    objective = study.origin.get("objective", {"metric": task.metric, "mode": task.mode})
    metric, sign = objective["metric"], 1 if objective["mode"] == "max" else -1

    def key(trial: Trial) -> tuple[int, float, int]:
        return -trial.epoch, -sign * trial.value(metric), trial.number

    known = [
        t for t in history.trials if not t.failed and t.epochs and metric in t.epochs[-1].metrics
    ]
    for trial in sorted(known, key=key):
        yield f"trial {trial.number} of {study.name}", dict(trial.suggestion.config)


def _of_points(known: KnownPoints) -> Iterator[tuple[str, dict[str, Value]]]:
    places = {id(point): place for place, point in enumerate(known.points)}
    for point in known.best(len(known.points)):
        yield f"point {places[id(point)]} of {known.study}", point.config


def _first(
    best: Iterable[tuple[str, dict[str, Value]]],
    name: str,
    config: StudyConfig,
    task: Task,
    prepared: Prepared,
) -> tuple[WarmStart, str]:
    """The best few that can be trained here, with what is fixed; the rest of each is the default.
    Raises UserError if there is none."""
    data = task.data.load(prepared.folder)
    first: dict[str, dict[str, Value]] = {}
    why = "it has no complete trial"
    for label, values in best:
        try:
            whole = task.configure({**values, **config.fixed})
            task.check(whole, data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a user's own functions raise
            why = first_line(error) if isinstance(error, UserError) else with_place(error)
            continue
        if whole not in first.values():
            first[label] = whole
        if len(first) == TRIED_FIRST:
            break
    if not first:
        raise UserError(f"nothing of {name} can be tried by task {config.task}: {why}")
    line = f"warm start: the best {len(first)} of {name} are tried first"
    return WarmStart(first=first), line
