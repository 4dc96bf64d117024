"""What a study will take, told before it begins: trials, epochs, time, disk and money."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.decisions import plan
from search.decisions.budget import affordable_trials
from search.decisions.history import History, Session, Trial
from search.decisions.remaining import Remaining, planned, remaining
from search.machines.gpus import gpus_there
from search.machines.machine import machine_kind
from search.record.record import Record, Study
from search.reports.time_left import clock
from search.tasks.config import StudyConfig
from search.tasks.task import Task

__all__ = ["Earlier", "Forecast", "earlier_trials", "forecast", "kind_of_machine"]

ENOUGH = 200  # earlier trials


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """Trials whose pace is known, of before the study, and where they are from, in words."""

    trials: Sequence[Trial] = ()
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known before the start."""

    text: str  # study, trials at a time, the most epochs, in two lines
    rungs: list[tuple[int, int]]  # epoch, trials that train to it, named points not among them
    named: int
    epochs: int
    time: Remaining | None
    source: str  # of the time
    disk_gib: float | None
    price_per_hour: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is null."""
        hours = self.time and [each / 3600 for each in dataclasses.astuple(self.time)]
        price = self.price_per_hour
        cost = [price * each for each in hours] if hours and price is not None else None
        return {
            "trials": {
                "named_points": self.named,
                "rungs": [{"epoch": epoch, "trials": trials} for epoch, trials in self.rungs],
            },
            "epochs": self.epochs,
            "time_s": self.time and _interval(list(dataclasses.astuple(self.time))),
            "time_from": self.source,
            "disk_gib": self.disk_gib,
            "cost": cost and _interval(cost),
        }

    def describe(self) -> str:
        """For a terminal."""
        rungs = ", ".join(f"{trials} to {epoch}" for epoch, trials in self.rungs)
        lines = [self.text, f"trials to each epoch: {rungs}; {self.named} named points in full"]
        lines.append(self.time_line())
        if self.time is not None and self.price_per_hour is not None:
            cost = self.as_dict()["cost"]
            low, middle, high = (f"{cost[key]:.2f}" for key in ("low", "median", "high"))
            lines.append(f"money: {middle} ({low} to {high}), at {self.price_per_hour:g} an hour")
        return "\n".join(lines)

    def time_line(self) -> str:
        """As "time: 2:31 (1:58 to 3:10 in 8 of 10 cases), by 62 trials of study s"."""
        if self.time is None:
            return f"time: unknown until the first epochs{self.source and f'; {self.source}'}"
        low, middle, high = map(clock, (self.time.low_s, self.time.median_s, self.time.high_s))
        return f"time: {middle} ({low} to {high} in 8 of 10 cases), by {self.source}"


def _interval(values: Sequence[float]) -> dict[str, float]:
    """Of (median, low, high)."""
    median, low, high = (round(value, 4) for value in values)
    return {"low": low, "median": median, "high": high}


def forecast(
    config: StudyConfig,
    task: Task,
    earlier: Earlier,
    *,
    history: History | None = None,
    trials: int | None = None,
    checkpoint_mib: float | None = None,
    price_per_hour: float | None = None,
) -> Forecast:
    """Of a study that is to begin, or to go on from `history` to `trials` trials."""
    trials = config.trials if trials is None else trials
    named = len(task.first_trials(config))
    ladder = plan.ladder_of(config)
    if task.checkpoint_mib is not None:
        checkpoint_mib = task.checkpoint_mib(config.fixed)
    past, now = history or History(), 0.0
    if past.spans:
        now = past.spans[-1].ended
        past = past.copy()
        past.apply(now, Session(event="started", trials=trials))
    trials = affordable_trials(config, trials, named, past)
    counts = plan.arrivals(
        trials, min(named, trials), ladder, config.reduction_factor, config.scheduler
    )
    if config.scheduler not in plan.LIMITED:
        ladder, counts = ladder[-1:], [trials - min(named, trials)]
    left = remaining(
        past,
        config,
        full_length=named,
        metric=task.metric,
        sign=task.sign,
        now=now,
        earlier=earlier.trials,
    )
    return Forecast(
        text=plan.describe(config, trials, named, checkpoint_mib),
        rungs=list(zip(ladder, counts, strict=True)),
        named=min(named, trials),
        epochs=plan.most_epochs_of(config, trials, named),
        time=left and planned(left),
        source=earlier.source or ("its own trials" if past.trained else ""),
        disk_gib=None if checkpoint_mib is None else plan.disk_gib(trials, checkpoint_mib),
        price_per_hour=price_per_hour,
    )


def kind_of_machine(config: StudyConfig) -> str:
    """That the study's epochs take their time on: this one's, where it is not a cluster."""
    cards = gpus_there().cards if config.gpus_per_trial else ()
    return machine_kind([card.name for card in cards])


def earlier_trials(record: Record, task: Task, config: StudyConfig, data_hash: str) -> Earlier:
    """Of the newest studies of that task and data on such a machine, as many as are of use."""
    kind, names = kind_of_machine(config), [name for name, _ in task.first_trials(config)]
    found: list[list[Trial]] = []
    studies: list[str] = []
    for study in reversed(record.studies()):
        if sum(map(len, found)) >= ENOUGH:
            break
        if _alike(study, config, data_hash):
            trials = _trained(record, study, config, kind, names)
            if trials:
                found.insert(0, trials)
                studies.append(study.name)
    trials = [trial for each in found for trial in each]
    if not trials:
        return Earlier()
    more = f" and {len(studies) - 1} others" if len(studies) > 1 else ""
    return Earlier(trials=trials, source=f"{len(trials)} trials of study {studies[0]}{more}")


def _alike(study: Study, config: StudyConfig, data_hash: str) -> bool:
    same = ("task", "dataset", "cpus_per_trial", "gpus_per_trial", "parent")
    return study.origin.get("data") == data_hash and all(
        getattr(study.config, name) == getattr(config, name) for name in same
    )


def _trained(
    record: Record, study: Study, config: StudyConfig, kind: str, names: list[str]
) -> list[Trial]:
    """Its trials that have ended an epoch and have what is fixed, numbered as in a new study."""
    events = [(at, event) for _, at, event in record.events(study)]
    kinds = [
        event.details.get("machine")
        for _, event in events
        if isinstance(event, Session) and event.event == "started"
    ]
    if not kinds or set(kinds) != {kind}:
        return []
    found = []
    for trial in History(events).trials:
        drawn = trial.suggestion
        if not trial.epochs or any(drawn.config.get(k) != v for k, v in config.fixed.items()):
            continue
        number = len(names) + trial.number
        if drawn.source in names:
            number = names.index(drawn.source)
        found.append(
            dataclasses.replace(trial, suggestion=dataclasses.replace(drawn, trial=number))
        )
    return found
