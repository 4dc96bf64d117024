"""Studies of tests/curve_task.py on record without training: curves by a formula, times by the
clock of a simulation, and who trains on decided by the service's own rule."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from search.decisions import asha, plan
from search.decisions.history import EpochEnd, Event, Failure, History, Segment, Session, Suggestion
from search.files.paths import baseline_file, labels_file, predictions_file, save_predictions
from search.record.record import Record, Study
from search.record.study import StudyWithEvents
from search.tasks.config import StudyConfig, Value
from tests.curve_task import TASK

CURVE = "tests.curve_task:TASK"
BEGAN = 1_750_000_000.0
REASONS = ("diverged: score is not finite", "RuntimeError: out of memory")
EXAMPLES = 400


def simulated(
    record: Record,
    name: str = "made",
    *,
    trials: int = 40,
    workers: int = 3,
    seed: int = 0,
    ended: str | None = "finished",
    predictions: bool = True,
    **options: Any,
) -> Study:
    """A study as a driver would leave it. `ended`: None where its driver was killed. Trials whose
    x is above .95 fail."""
    config = StudyConfig(
        name=name,
        task=CURVE,
        dataset="ones",
        trials=trials,
        workers=workers,
        seed=seed,
        **{"max_epochs": 9, **options},
    )
    events = _Simulation(config).events()
    if ended is not None:
        events.append((events[-1][0] + 2.0, Session(event=ended, trials=trials)))  # type: ignore[arg-type]
    study = Study(
        id=0,
        name=name,
        created_at=BEGAN - 3,
        config=config,
        origin={
            "code": "c0de",
            "data": "da7a",
            "space": "5face",
            "versions": {"python": "3.11.2", "optuna": "5.0.0"},
            "objective": {"metric": "score", "mode": "max"},
            "baselines": {"zero": 0.55},
        },
    )
    numbered = [(number, at, event) for number, (at, event) in enumerate(events, 1)]
    record.add_studies([StudyWithEvents(study=study, events=numbered)], [])
    made = record.study(name)
    if predictions:
        _predict(record, made)
    return made


class _Simulation:
    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.random = np.random.default_rng(config.seed)
        self.history = History()
        self.told: list[tuple[float, Event]] = []
        self.ladder = plan.ladder_of(config)
        self.first = TASK.first_trials(config)
        self.rungs = asha.rungs_of(
            self.history,
            ladder=self.ladder,
            full_length=len(self.first),
            value=lambda trial, epoch: trial.value("score", epoch),
        )

    def events(self) -> list[tuple[float, Event]]:
        self._tell(BEGAN, Session(event="started", trials=self.config.trials))
        # (when it ends, tie-breaker, segment, epoch, reset_s, wall_s)
        busy: list[tuple[float, int, Segment, int, float, float]] = []
        order, now = itertools.count(), BEGAN + 4.0
        while self._fill(busy, now, order):
            now, _, segment, epoch, reset_s, wall_s = heapq.heappop(busy)
            self._end_epoch(now, segment, epoch, reset_s, wall_s)
            if epoch < segment.last_epoch and not self.history.trials[segment.trial].failed:
                wall_s = self._epoch_s(segment.trial)
                heapq.heappush(busy, (now + wall_s, next(order), segment, epoch + 1, 0.0, wall_s))
        return self.told

    def _fill(self, busy: list[Any], now: float, order: Any) -> bool:
        while len(busy) < self.config.workers:
            found = asha.next_segment(
                self.history,
                self.rungs,
                reduction_factor=self.config.reduction_factor,
                scheduler=self.config.scheduler,
                trials=self.config.trials,
                workers=self.config.workers,
            )
            if found in ("wait", "finished"):
                break
            segment = self._begin(now) if found == "suggest" else found
            assert isinstance(segment, Segment)
            self._tell(now, segment)
            reset_s, wall_s = 0.2, self._epoch_s(segment.trial)
            entry = (now + reset_s + wall_s, next(order), segment, segment.first_epoch)
            heapq.heappush(busy, (*entry, reset_s, wall_s))
        return bool(busy)

    def _begin(self, now: float) -> Segment:
        number = len(self.history.trials)
        source, config = "tpe", self._draw()
        if number < len(self.first):
            source, config = self.first[number]
        suggestion = Suggestion(trial=number, config=config, seed=number + 7, source=source)
        self._tell(now, suggestion)
        return asha.first_segment(
            number,
            ladder=self.ladder,
            scheduler=self.config.scheduler,
            full_length=len(self.first),
        )

    def _draw(self) -> dict[str, Value]:
        drawn: dict[str, Value] = {
            "x": float(self.random.uniform()),
            "kind": str(self.random.choice(["plain", "bumpy"])),
        }
        if drawn["kind"] == "bumpy":
            drawn["bump"] = float(self.random.uniform())
        return TASK.configure(drawn)

    def _config(self, trial: int) -> Mapping[str, Any]:
        return self.history.trials[trial].suggestion.config

    def _epoch_s(self, trial: int) -> float:
        return 1.0 + 2.0 * float(self._config(trial)["x"]) + 0.05 * float(self.random.uniform())

    def _end_epoch(self, now: float, segment: Segment, epoch: int, reset_s: float, wall_s: float):
        config, trial = self._config(segment.trial), segment.trial
        if config["x"] > 0.95 and epoch == 1 and trial >= len(self.first):
            reason = REASONS[trial % 2]
            failure = Failure(
                trial=trial, attempt=0, epoch=1, reason=reason, traceback="…", final=True
            )
            self._tell(now, failure)
            return
        quality = 1 - (config["x"] - 0.7) ** 2 - 0.1 * config["bump"]
        score = 0.8 * quality * (1 - 0.6 * np.exp(-epoch / 2))
        score += 0.006 * self.random.standard_normal()
        done = "complete" if epoch == self.config.max_epochs else "pause"
        ended = EpochEnd(
            trial=trial,
            attempt=0,
            epoch=epoch,
            metrics={"score": float(score), "loss": float(1 - score)},
            cpu_s=0.9 * wall_s,
            wall_s=wall_s,
            reset_s=reset_s,
            decision=done if epoch == segment.last_epoch else "go on",  # type: ignore[arg-type]
        )
        self._tell(now, ended)

    def _tell(self, at: float, event: Event) -> None:
        self.history.apply(at, event)
        self.told.append((at, event))


def _predict(record: Record, study: Study) -> None:
    """Predictions that score as the trials do: 1 − mean squared error of labels that are 1."""
    folder = record.study_folder(study.name)
    random = np.random.default_rng(0)
    shape = np.abs(random.standard_normal(EXAMPLES))
    shape /= np.sqrt(np.mean(shape**2))
    save_predictions(np.ones(EXAMPLES), labels_file(folder))
    save_predictions(np.full(EXAMPLES, 1 - np.sqrt(0.45)), baseline_file(folder, "zero"))
    for trial in record.history(study).trials:
        if trial.epoch >= study.config.max_epochs:
            error = np.sqrt(max(1 - trial.value("score"), 0.0)) * random.permutation(shape)
            save_predictions(1 - error, predictions_file(folder, trial.number))
