"""What the page's charts and sentences are drawn from: a study's history, read once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from search.decisions import plan
from search.decisions.gain import Gain, gain_of
from search.decisions.history import History, Trial
from search.files.paths import labels_file, load_predictions
from search.record.record import Record, Study
from search.reports.ablation import Ablation, kept_ablation
from search.reports.recorded_task import RecordedTask
from search.reports.summary import complete_trials, summarise, trial_state
from search.statistics.intervals import example_interval
from search.statistics.pseudo_values import values_of
from search.tasks.task import Task

__all__ = ["Baseline", "Facts", "gather"]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the best is compared with: a named point, or what needs no training."""

    name: str
    value: float
    # Of a named point, the trial that has trained it, or the first of several.
    trial: int | None
    runs: int = 1


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One study as its record tells it."""

    record: Record
    study: Study
    task: Task
    history: History
    driven: bool
    # As `show --json`.
    summary: Mapping[str, Any]

    @property
    def metric(self) -> str:
        return self.task.metric

    @property
    def max_epochs(self) -> int:
        return self.study.config.max_epochs

    @property
    def state(self) -> str:
        return str(self.summary["state"])

    @cached_property
    def states(self) -> list[str]:
        """Of each trial."""
        return [trial_state(self.history, t, self.study, self.driven) for t in self.history.trials]

    def of_state(self, *states: str) -> list[Trial]:
        trials = zip(self.history.trials, self.states, strict=True)
        return [trial for trial, state in trials if state in states]

    @cached_property
    def trained(self) -> list[Trial]:
        """Trials with a value: an epoch, and no failure."""
        return [t for t in self.history.trials if t.epochs and not t.failed]

    @cached_property
    def complete(self) -> list[Trial]:
        """Trained in full, the best first."""
        ranking = complete_trials(self.history, self.study, self.task)
        return ranking.top(len(ranking))

    @property
    def best(self) -> Trial | None:
        """The best complete trial."""
        return self.complete[0] if self.complete else None

    @cached_property
    def furthest(self) -> list[Trial]:
        """Trials with a value: those that trained longest first, of these the best first."""
        key = self.task.sign
        return sorted(self.trained, key=lambda t: (-t.epoch, -key * self.value(t), t.number))

    def value(self, trial: Trial, epoch: int | None = None) -> float:
        """The objective at `epoch`, or at the last one."""
        return trial.value(self.metric, epoch)

    def better(self, value: float, than: float) -> bool:
        return self.task.sign * (value - than) > 0

    @cached_property
    def promotion_runs(self) -> list[Trial]:
        """The complete runs of the study's promotion: of its race, its finals and its audit."""
        return [
            run
            for phase in self.record.studies()
            if phase.config.parent == self.study.name
            for run in self.record.history(phase).trials
            if run.complete(phase.config.max_epochs)
        ]

    @cached_property
    def ablation(self) -> Ablation | None:
        """What was found of the study's winner, or by the study."""
        return kept_ablation(self.record, self.study.name, self.history.trials)

    @cached_property
    def full_length(self) -> int:
        """The first trials that run in full and do not count at the rungs."""
        return len(self.task.first_trials(self.study.config))

    @cached_property
    def gain(self) -> Gain | None:
        """What further trials are expected to add; None where too few have ended."""
        return gain_of(
            self.history,
            full_length=self.full_length,
            first_epoch=self.study.config.min_epochs,
            max_epochs=self.max_epochs,
            value=lambda trial, epoch: self.task.sign * self.value(trial, epoch),
        )

    @cached_property
    def ladder(self) -> list[int]:
        return plan.ladder_of(self.study.config)

    @cached_property
    def baselines(self) -> list[Baseline]:
        found = self.summary["baselines"].items()
        return [
            Baseline(name=n, value=b["value"], trial=b.get("trial"), runs=b.get("runs", 1))
            for n, b in found
        ]

    @cached_property
    def example_noise(self) -> float | None:
        """Half the 95% interval of the best's score over examples, in units of the objective: what
        another validation split may add or take. None where predictions or task are not here."""
        files = self.record.files(self.study)
        if self.best is None or isinstance(self.task, RecordedTask):
            return None
        if not files.fetch_each([labels_file(files.folder)]):
            return None
        try:
            labels = load_predictions(labels_file(files.folder))
            values_CN = values_of(self.task, labels, [files.predictions(self.best.number)])
        except (OSError, ValueError):
            return None
        found = example_interval(values_CN[0])
        if found.low is None or found.high is None or not math.isfinite(found.high - found.low):
            return None
        return (found.high - found.low) / 2

    def worked_s(self, at: float) -> float:
        """Seconds that drivers have been at work until `at` (Unix time): what lies between two
        sessions does not count."""
        spans = self.history.spans
        return sum(min(max(at - span.started, 0.0), span.wall_s) for span in spans)

    @property
    def folder(self) -> Path:
        return self.record.study_folder(self.study.name)


def gather(record: Record, study: Study, task: Task) -> Facts:
    """Read the record once. Raises RecordError."""
    history = record.history(study)
    return Facts(
        record=record,
        study=study,
        task=task,
        history=history,
        driven=record.driven(study.name),
        summary=summarise(record, study, task, history),
    )
