"""The end of the page: the winner's configuration beside the named points, what it was made of, and
the command to do it again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from search.reports.page.chart import Table, table
from search.reports.page.facts import Facts
from search.tasks.as_typed import as_typed
from search.tasks.config import StudyConfig, Value

__all__ = ["command_again", "configuration", "made_of", "run_command"]

# Of StudyConfig, in the order of the command; where a study is kept is not repeated.
_ALWAYS = ("trials", "max_epochs", "seed", "dataset", "workers")
_REPEATED = (
    "trials",
    "max_epochs",
    "min_epochs",
    "reduction_factor",
    "sampler",
    "scheduler",
    "seed",
    "dataset",
    "workers",
    "cpus_per_trial",
    "gpus_per_trial",
    "point_seeds",
    "warm_start",
    "until",
    "stop_when_no_gain",
    "budget_epochs",
    "trial_timeout_s",
    "data_dir",
    "points",
    "fixed",
    "baseline",
)


def configuration(facts: Facts) -> Table:
    """The best trial's hyperparameters, or those of the one that got furthest, beside those of the
    named points that the study began with, and then all others that the task names."""
    trial = facts.best or (facts.furthest[0] if facts.furthest else None)
    shown: dict[str, Mapping[str, Value]] = {}
    if trial is not None:
        shown[f"trial {trial.number}"] = trial.suggestion.config
    for name, config in facts.task.first_trials(facts.study.config):
        shown[name] = config
    for name, point in facts.task.points.items():
        shown.setdefault(name, point)
    names = dict.fromkeys(name for config in shown.values() for name in config)
    rows = [[name, *(config.get(name, "–") for config in shown.values())] for name in names]
    return table(["hyperparameter", *shown], rows)


def made_of(facts: Facts) -> Table:
    """Code, data, space and versions, as the last session found them."""
    origin: Mapping[str, Any] = facts.history.depends_on or facts.study.origin
    hashes = [
        [name, str(origin[name])[:16]] for name in ("code", "data", "space") if name in origin
    ]
    versions = [[name, version] for name, version in dict(origin.get("versions", {})).items()]
    files = [[f"file {name}", digest] for name, digest in dict(origin.get("files", {})).items()]
    return table(["what", "hash or version"], hashes + files + versions)


def command_again(facts: Facts) -> str:
    """The command that begins the same study, as far as it can be told by options."""
    config = facts.study.config
    return run_command(config, facts.history.length or config.trials)


def run_command(config: StudyConfig, trials: int) -> str:
    """The command that begins such a study of so many trials."""
    defaults = {field.name: field.default for field in dataclasses.fields(StudyConfig)}
    parts = ["python", "-m", "search", "run", config.task]
    for name in _REPEATED:
        value = trials if name == "trials" else getattr(config, name)
        if name in _ALWAYS or value != defaults[name]:
            parts += as_typed(name, value)
    return shlex.join(parts)
