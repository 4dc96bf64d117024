"""What a study is asked to do. Every bound is checked here, once, before anything is started."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from search.errors import UserError, first_line
from search.files.addresses import has_secret, without_secrets
from search.files.storage import check_uri
from search.tasks.own_names import own_modules
from trainables.checks import check_types

__all__ = ["Phase", "Sampler", "Scheduler", "StudyConfig", "Value"]

Sampler = Literal["tpe", "random"]
Scheduler = Literal["asha", "asha-published", "hyperband", "none"]
Phase = Literal["search", "confirm", "final"]
Value = str | int | float | bool | None  # of a hyperparameter

TRIALS = 64  # where nothing is asked for
MAX_COUNT = 1_000_000  # trials, epochs: more is a slip of the finger
_OWN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")  # module:FUNCTION
MAX_NAME_LENGTH = 100  # of a study's name; its promotion's phases have a word more
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """One optimisation of one task's objective over its space. Raises UserError out of bounds."""

    name: str  # also the name of its folder
    task: str  # a built-in task's name, or a user's own as module:ATTRIBUTE
    dataset: str  # of the task's DATASETS
    trials: int = TRIALS  # the first ones included that are not drawn (`baseline`)
    max_epochs: int = 9  # R in Li et al. 2020 (arXiv:1810.05934)
    min_epochs: int = 1  # r: the grace period
    reduction_factor: int = 3  # η
    sampler: str = "tpe"  # a name of Sampler, or a user's own as module:FUNCTION
    scheduler: str = "asha"  # a name of Scheduler, or a user's own
    seed: int = 0
    workers: int = 1  # trials that train at a time
    cpus_per_trial: int = 1  # cores, and threads of each trial
    gpus_per_trial: float = 0.0  # below 1: a share of one card
    fixed: Mapping[str, Value] = field(default_factory=dict)  # hyperparameters that are not drawn
    baseline: bool = True  # trial 0 is the report's configuration, trial 1 our default
    # Trained in full in their place, name → whole configuration; None: the task's first points
    points: Mapping[str, Mapping[str, Value]] | None = None
    point_seeds: int = 1  # so often each of them, on seeds of their own
    warm_start: str = ""  # what is known from before (search/driver/warm_start.py); "": nothing
    trial_timeout_s: float | None = None  # of an epoch; None: ten times the median, ≥ 10 minutes
    until: str = ""  # ends with a complete trial that has it, as "accuracy>=0.9"; "": with the last
    budget_epochs: int = 0  # ends when so many were given out (decisions/budget.py); 0: no bound
    stop_when_no_gain: bool = False  # ends when more trials would add nothing (decisions/gain.py)
    keep_checkpoints: int = 5  # of the best trials, once the study is finished
    data_dir: str | None = None  # the only folder data are taken from, if given
    tracking_uri: str = "sqlite:///mlflow.db"
    storage: str | None = None  # shared folder or s3://BUCKET/PREFIX; None: the studies folder
    phase: Phase = "search"  # confirm, final: of a promotion, whose trials are given
    parent: str | None = None  # of those: the study that is promoted

    def __post_init__(self) -> None:
        try:
            check_types(self)
        except ValueError as error:
            raise UserError(first_line(error)) from None
        if has_secret(self.tracking_uri):
            raise UserError(
                "tracking_uri holds a password or a token, which would be stored and shown: leave "
                f"it out, as {without_secrets(self.tracking_uri)}"
            )
        if self.storage is not None:
            check_uri(self.storage)
        max_length = MAX_NAME_LENGTH + (len(f".{self.phase}") if self.parent else 0)
        if not _NAME.fullmatch(self.name) or len(self.name) > max_length:
            raise UserError(
                f"a study's name is letters, digits, '.', '_' and '-', at most {MAX_NAME_LENGTH}, "
                f"and begins with a letter or digit; got {self.name!r}"
            )
        for name, least, most in (
            ("trials", 1, MAX_COUNT),
            ("min_epochs", 1, MAX_COUNT),
            ("reduction_factor", 2, MAX_COUNT),
            ("seed", 0, 2**63 - 1),
            ("workers", 1, 10_000),
            ("cpus_per_trial", 1, 10_000),
            ("keep_checkpoints", 1, MAX_COUNT),
            ("point_seeds", 1, MAX_COUNT),
            ("budget_epochs", 0, MAX_COUNT),
        ):
            value = getattr(self, name)
            if value < least:
                raise UserError(f"{name} must be at least {least}, got {value}")
            if value > most:
                raise UserError(f"{name} must be at most {most}, got {value}")
        if self.max_epochs < self.min_epochs:
            raise UserError(
                f"max_epochs must be at least min_epochs ({self.min_epochs}), got {self.max_epochs}"
            )
        if self.max_epochs > MAX_COUNT:
            raise UserError(f"max_epochs must be at most {MAX_COUNT}, got {self.max_epochs}")
        if self.trial_timeout_s is not None and not 0.001 <= self.trial_timeout_s <= 1e9:
            raise UserError(
                f"trial_timeout_s must be between 0.001 and 1e9, got {self.trial_timeout_s}"
            )
        gpus = self.gpus_per_trial
        if not (0 <= gpus < float("inf")) or (gpus > 1 and gpus != int(gpus)):
            raise UserError(
                f"gpus_per_trial must be 0, a share between 0 and 1, or a whole number; got {gpus}"
            )
        for name, kind in (("sampler", Sampler), ("scheduler", Scheduler)):
            value, choices = getattr(self, name), get_args(kind)
            if value not in choices and not _OWN.fullmatch(value):
                raise UserError(
                    f"{name} must be one of {', '.join(choices)}, or your own as module:FUNCTION; "
                    f"got {value}"
                )

    @property
    def given_points(self) -> list[tuple[str, dict[str, Value]]] | None:
        """Name and configuration of each trial that `points` asks for, in order; None: of none."""
        if self.points is None:
            return None
        return [(name, dict(values)) for name, values in self.points.items()] * self.point_seeds

    @property
    def own_modules(self) -> set[str]:
        """Of a user's own sampler and scheduler."""
        return own_modules((self.sampler, self.scheduler))

    @property
    def cores(self) -> int:
        """Cores that train when all workers are busy."""
        return self.workers * self.cpus_per_trial

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the record."""
        return {**dataclasses.asdict(self), "fixed": dict(self.fixed)}
