"""A study of one-at-a-time exchanges between a study's winner and another configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from search.errors import UserError
from search.experiments.ablation import Change, changes
from search.experiments.effects import effects_table
from search.experiments.points import train_points
from search.record.commands import command
from search.record.record import Record, Study
from search.reports.ablation import WINNER, Ablation, ablation_name, keep
from search.reports.pictures import draw_ablation
from search.reports.summary import best_trial
from search.tasks.config import Value
from search.tasks.task import Task
from search.tracking.projection import show_anew
from trainables.seeding import derive

__all__ = ["ablate"]

# Of the study's settings; all else is its points'.
_AS_BEFORE = (
    "max_epochs",
    "min_epochs",
    "workers",
    "cpus_per_trial",
    "gpus_per_trial",
    "dataset",
    "data_dir",
    "tracking_uri",
    "storage",
    "trial_timeout_s",
)


def ablate(
    record: Record,
    study: Study,
    task: Task,
    *,
    seeds: int = 3,
    against: str | None = None,
    address: str | None = None,
    quiet: bool = False,
    say: Callable[[str], None],
) -> Ablation:
    """Train the study's winner and the point `against` (the task's first, else its default
    configuration), each with every hyperparameter in which they differ exchanged alone, on `seeds`
    fresh seeds, as the study NAME-ablation; or go on with it. Raises UserError, EndedEarly."""
    if seeds < 2:
        raise UserError(f"seeds must be at least 2, whose spread is the noise; got {seeds}")
    winner = best_trial(record.history(study), study, task)
    if winner is None:
        raise UserError(f"study {study.name} has no complete trial yet")
    base_name, base = _base(task, study, against)
    found = changes(winner.suggestion.config, base, space=task.space, defaults=task.configure({}))
    if not found:
        raise UserError(f"trial {winner.number}, the best, is {base_name} itself")
    points = _points(winner.suggestion.config, base_name, base, found)
    config = study.config
    trained = train_points(
        record,
        ablation_name(study.name),
        config.task,
        task,
        points,
        seeds,
        address=address,
        quiet=quiet,
        say=say,
        seed=derive(config.seed, "ablation"),
        **{field: getattr(config, field) for field in _AS_BEFORE},
    )
    ablation = effects_table(record, trained, task, winner.number, base_name, found)
    folder = record.study_folder(trained.name)
    picture = draw_ablation(ablation, folder)
    if keep(folder, ablation):
        show_anew(record, study, task, "of its ablation", say)
    say(f"picture: {picture}; with what it says: `{command(record, f'report {study.name}')}`")
    return ablation


def _base(task: Task, study: Study, against: str | None) -> tuple[str, Mapping[str, Value]]:
    first = (*task.first_points(study.config.fixed), "default")
    name = first[0] if against is None else against
    if name in task.points:
        return name, task.configure(task.points[name])
    if name != "default":
        choices = ", ".join(dict.fromkeys([*task.points, "default"]))
        raise UserError(f"{task.name} has no point {name!r}; there are: {choices}")
    return name, task.configure({})


def _points(
    winner: Mapping[str, Value], base_name: str, base: Mapping[str, Value], found: list[Change]
) -> dict[str, Mapping[str, Value]]:
    points = {WINNER: winner, base_name: base}
    for change in found:
        points[f"{WINNER} - {change.hyperparameter}"] = change.minus
        points[f"{base_name} + {change.hyperparameter}"] = change.plus
    return points
