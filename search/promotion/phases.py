"""A promotion's runs, as two studies beside the one that is promoted: NAME.confirm, NAME.final.

Their suggestions are given, not drawn; all else (driver, record, resume, MLflow) is a study's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from search.decisions.audit import AUDITED
from search.decisions.history import Given, History, Suggestion, Trial
from search.errors import EndedEarly, RecordError, UserError
from search.promotion.confirm import Prefer, runs_of, still_to_run
from search.record.record import Record, Study
from search.tasks.config import Phase, Value
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = [
    "Drive",
    "Promotion",
    "find_phase",
    "finished",
    "phase_name",
    "predictions",
    "run_phase",
    "wall_s",
    "wanted_run",
]

# A phase's study, what is to be run of it, and how many trials it may come to have.
Drive = Callable[[Study, Given, int], None]

# Checkpoints: final runs become models, those of the confirmation perhaps members of one, and are
# dropped at the promotion's end if not.
KEEP_ALL = 10_000


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What is to be promoted, and how."""

    record: Record
    study: Study
    task: Task
    prepared: Prepared
    top: int = 5  # trials to confirm
    runs: int = 15  # to confirm them by, at most
    tolerance: float | None = (
        None  # how much worse than the best a candidate may be; None: by seeds
    )
    prefer: Prefer = "best"
    final_seeds: int = 5  # further ones of the candidate
    audit: int = AUDITED  # stopped trials that are trained to the end, to tell what stopping cost
    ensemble: int = 0  # members at most of one that is registered; 0: the best single model is
    force: bool = False  # champion whatever the comparison says
    obeyed: int = 0  # the last request to stop that is not for this promotion

    def __post_init__(self) -> None:
        for name, least in (("top", 1), ("runs", 2), ("final_seeds", 1), ("audit", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.ensemble != 0 and self.ensemble < 2:
            raise UserError(f"ensemble must be at least 2 members, got {self.ensemble}")
        if self.tolerance is not None and not 0 < self.tolerance < math.inf:
            raise UserError(f"tolerance must be above 0, got {self.tolerance:g}")
        if self.prefer not in get_args(Prefer):
            raise UserError(
                f"prefer must be one of {', '.join(get_args(Prefer))}; got {self.prefer!r}"
            )

    def end_if_asked(self) -> None:
        """Between phases nothing is driven that would hear it. Raises EndedEarly."""
        name = self.study.name
        family = [s for s in self.record.studies() if name in (s.name, s.config.parent)]
        for _, request in self.record.requests.after(family, self.obeyed):
            raise EndedEarly("stopped", f"asked to {request}", name)

    @property
    def sign(self) -> int:
        return self.task.sign

    @property
    def data(self) -> Any:
        return self.task.data.load(self.prepared.folder)

    @property
    def data_dir(self) -> Path | None:
        return Path(self.study.config.data_dir) if self.study.config.data_dir else None

    @property
    def labels(self) -> np.ndarray:
        return self.task.data.labels(self.data)


def phase_name(study: str, phase: Phase) -> str:
    return f"{study}.{phase}"


def find_phase(promotion: Promotion, phase: Phase) -> Study | None:
    """The phase's study, if it was begun. Raises RecordError where another has its name."""
    parent = promotion.study
    name = phase_name(parent.name, phase)
    for study in promotion.record.studies():
        if study.name == name:
            if study.config.phase != phase or study.config.parent != parent.name:
                raise RecordError(
                    f"study {name} is in the way: it is no {phase} phase of {parent.name}"
                )
            return study.with_tracking_uri(parent.config.tracking_uri)
    return None


def wanted_run(trial: int, config: Mapping[str, Value], seed: int) -> Suggestion:
    """A run of the searched `trial` on a fresh seed; `still_to_run` numbers it."""
    return Suggestion(trial=-1, config=dict(config), seed=seed, source=f"trial {trial}")


def run_phase(
    promotion: Promotion,
    phase: Phase,
    wanted: Callable[[History, int], Sequence[Suggestion]],
    drive: Drive,
    *,
    most: int = 0,
    prepare: Callable[[Study, Sequence[Suggestion]], None] = lambda study, missing: None,
) -> Study:
    """Run what is wanted and not on record yet; the phase's study. Raises EndedEarly.

    `wanted(history, begun)`: all runs that are wanted as far as that history tells it; what has
    failed as trial `begun` or later is not run again. `most`: how many runs it may come to.
    `prepare`: called with what is missing at first, before it runs.
    """
    promotion.end_if_asked()
    study = _phase_study(promotion, phase)
    history = promotion.record.history(study)
    begun = len(history.trials)

    def given(history: History) -> list[Suggestion]:
        return still_to_run(history, wanted(history, begun), begun)

    missing, session = given(history), history.last_session
    if missing or session is None or session.event != "finished":
        prepare(study, missing)
        drive(study, given, max(begun + len(missing), most))
    return study


def finished(
    promotion: Promotion, phase: Study, config: Mapping[str, Value], seeds: Sequence[int]
) -> list[Trial] | None:
    """The runs of `config` with these seeds; None if one has failed."""
    runs = runs_of(promotion.record.history(phase), config, seeds)
    complete = all(run.complete(phase.config.max_epochs) for run in runs)
    return runs if complete else None


def predictions(promotion: Promotion, phase: Study, runs: Sequence[Trial]) -> list[np.ndarray]:
    """The runs' validation predictions."""
    files = promotion.record.files(phase)
    return [files.predictions(run.number) for run in runs]


def wall_s(runs: Sequence[Trial]) -> float:
    """Mean seconds by the clock of training one of these runs."""
    return float(np.mean([sum(epoch.wall_s for epoch in run.epochs) for run in runs]))


def _phase_study(promotion: Promotion, phase: Phase) -> Study:
    begun = find_phase(promotion, phase)
    if begun is not None:
        return begun
    parent = promotion.study
    config = dataclasses.replace(
        parent.config,
        name=phase_name(parent.name, phase),
        phase=phase,
        parent=parent.name,
        trials=1,  # how many there are, each session says
        scheduler="none",
        sampler="random",  # nothing is drawn
        budget_epochs=0,
        stop_when_no_gain=False,
        baseline=False,
        keep_checkpoints=KEEP_ALL,
    )
    now = depends_on(promotion.task, promotion.prepared, parent.config.task)
    origin = {**now, "baselines": {}}
    return promotion.record.create(config, origin)
