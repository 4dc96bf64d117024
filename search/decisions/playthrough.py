"""One of the ways in which a study may go on: what is left, played through by its rules. Pure.

The real rules (asha.py) decide on a copy of the history. A trial that has ended an epoch keeps its
own pace; one that is still to come takes pace and scores from one that was seen, drawn from the
more recent ones, as a sampler comes to propose other costs than at the beginning. How far back is
drawn for each playthrough, and so is a common factor that says how little is known of trials to
come: it is what makes the interval (remaining.py) wide while few were seen.
"""

from __future__ import annotations

import heapq
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from search.decisions import plan
from search.decisions.history import EpochEnd, Failure, History, Segment, Session, Suggestion, Trial
from search.decisions.schedulers import Schedule
from search.tasks.config import StudyConfig

__all__ = ["Playthrough"]

# Of what a segment takes beside epochs and reset: its decision, Ray's hand-over.
HAND_OVER_S = 0.15
START_S = 4.0  # until a worker's process can train, where none was seen
# Deviations of logarithms: of the mean pace of trials to come, of which n were seen; of what a
# sampler will come to propose instead; and of the load of the machine. Calibrated by
# tests/benchmarks/eta.py.
UNSEEN_SD, DRIFT_SD, LOAD_SD = 0.5, 0.22, 0.075
DRIFT = 0.2  # samplers come to prefer what costs more
PRIOR = 2.0  # trials that the named points stand for, where few others were seen


@dataclass(frozen=True, slots=True)
class Pace:
    """What a trial to come may be like."""

    epoch_s: float
    scores: tuple[float, ...]  # at the rungs that it has reached, as they were recorded


class Playthrough:
    """One way in which the study may go on."""

    def __init__(
        self,
        history: History,
        config: StudyConfig,
        full_length: int,
        metric: str,
        sign: int,
        random: Random,
        earlier: Sequence[Trial],
    ) -> None:
        self._config, self._full_length = config, full_length
        self._metric, self._random = metric, random
        self._ladder = plan.ladder_of(config)
        self._history = history.copy()
        session = history.last_session
        if session is None or session.event != "started":
            at = history.spans[-1].ended if history.spans else 0.0
            length = history.length or config.trials
            self._history.apply(at, Session(event="started", trials=length))
        self._schedule = Schedule(
            self._history,
            config,
            full_length=full_length,
            value=lambda trial, epoch: sign * trial.value(metric, epoch),
            looked_at=True,
        )
        own = [trial for trial in history.trials if trial.epochs]
        self._set_leads(history, own, earlier)
        self._slow, load_sd = _slowness(history, own, config)
        self._factor = math.exp(random.gauss(0.0, load_sd)) * _repeated(history)
        self._paces: dict[int, Pace] = {}
        self._named: dict[int, Pace] = {}  # the named points that were trained before the study
        self._set_donors(own, [trial for trial in earlier if trial.epochs])
        drawn = [trial for trial in own if trial.number >= full_length]
        self._failing = sum(trial.failed for trial in drawn) / (len(drawn) + 1)

    def _set_leads(self, history: History, own: Sequence[Trial], earlier: Sequence[Trial]) -> None:
        """What a segment takes beside its epochs; the first ones wait for processes to start."""
        resets = [trial.epochs[0].reset_s for trial in own or earlier]
        self._lead_s = statistics.median(resets) + HAND_OVER_S
        self._first_lead_s = START_S + self._lead_s
        if own:
            leads = {trial.number: _lead_s(trial) for trial in own}
            self._first_lead_s = max(leads.values())
            later = [lead for number, lead in leads.items() if number >= self._config.workers]
            self._lead_s = statistics.median(later) if later else min(resets) + HAND_OVER_S
            between_s = _between_segments_s(history, own, self._config.workers, self._first_lead_s)
            self._lead_s = max(self._lead_s, between_s)

    def _set_donors(self, own: Sequence[Trial], earlier: Sequence[Trial]) -> None:
        """The trials that those to come are like."""
        random, full_length = self._random, self._full_length
        self._named = {t.number: self._pace(t) for t in earlier if t.number < full_length}
        named = {t.number: self._pace(t) for t in own if t.number < full_length}
        named = {**self._named, **named}
        drawn = [t for t in [*earlier, *own] if t.number >= full_length]
        recent = drawn[-max(math.ceil(len(drawn) * random.uniform(0.2, 1.0)), 6) :]
        donors = [self._pace(trial) for trial in recent]
        if named and len(drawn) < 4 * PRIOR:
            # Together the named points stand for PRIOR of the others.
            copies = max(round(4 * PRIOR / len(named)), 1)
            donors = donors * 4 + list(named.values()) * copies
        seen = len(drawn) + (PRIOR if named else 0.5)
        all_drawn = max(self._history.length - full_length, 1)
        known = sum(trial.number >= full_length for trial in own)
        to_come = max(1.0 - known / all_drawn, 0.0)
        deviation = math.hypot(UNSEEN_SD / math.sqrt(seen), DRIFT_SD * to_come)
        spread = math.exp(random.gauss(DRIFT * to_come, deviation))
        self._donors = [Pace(pace.epoch_s * spread, pace.scores) for pace in donors]

    def _pace(self, trial: Trial) -> Pace:
        scores = tuple(
            trial.value(self._metric, rung) for rung in self._ladder if rung <= trial.epoch
        )
        own = self._slow is not None and trial.number < len(self._history.trials)
        return Pace(_epoch_s(trial, self._slow if own else None), scores)

    def seconds(self, now: float) -> float:
        """Until nothing is left to do."""
        queue = [self._running(trial, now) for trial in self._history.open_trials()]
        heapq.heapify(queue)
        at = now
        while True:
            while (segment := self._next(at)) is not None:
                heapq.heappush(queue, self._begun(segment, at))
            if not queue:
                return at - now
            at, number, last = heapq.heappop(queue)
            self._end(number, last, at)

    def _next(self, at: float) -> Segment | None:
        history, config = self._history, self._config
        decision = self._schedule.next(trials=history.length, workers=config.workers)
        if decision == "suggest":
            number = len(history.trials)
            history.apply(at, Suggestion(trial=number, config={}, seed=0, source=""))
            decision = self._schedule.first_segment(number)
        if not isinstance(decision, Segment):
            return None
        history.apply(at, decision)
        return decision

    def _pace_of(self, trial: Trial, least_s: float = 0.0) -> Pace:
        """Its own, or of one that was seen: of one that took longer than `least_s` an epoch."""
        pace = self._paces.get(trial.number)
        if pace is not None:
            return pace
        if trial.epochs:
            pace = self._pace(trial)
        elif trial.number in self._named:
            pace = self._named[trial.number]
        else:
            donors = self._donors
            if least_s > 0.0:
                donors = [donor for donor in donors if donor.epoch_s > least_s]
            if donors:
                pace = self._random.choice(donors)
            else:
                scores = self._random.choice(self._donors).scores
                pace = Pace(least_s * (1.0 + self._random.expovariate(2.0)), scores)
        self._paces[trial.number] = pace
        return pace

    def _running(self, trial: Trial, now: float) -> tuple[float, int, int]:
        """When a trial that a worker has now will be at its target."""
        since = max(now - trial.ended_at, 0.0)
        if not trial.epochs:
            lead_s = self._first_lead_s if trial.number < self._config.workers else self._lead_s
            since -= lead_s
        pace = self._pace_of(trial, since if not trial.epochs else 0.0)
        epoch_s = pace.epoch_s * self._factor
        rest_s = max(epoch_s - since, 0.1 * epoch_s) + (trial.target - trial.epoch - 1) * epoch_s
        return now + rest_s, trial.number, trial.target

    def _begun(self, segment: Segment, at: float) -> tuple[float, int, int]:
        trial = self._history.trials[segment.trial]
        epochs = segment.last_epoch - segment.first_epoch + 1
        epoch_s = self._pace_of(trial).epoch_s * self._factor
        first = trial.number < self._config.workers and not self._history.trained
        lead_s = self._first_lead_s if first else self._lead_s
        until = at + lead_s + epochs * epoch_s
        return until, segment.trial, segment.last_epoch

    def _end(self, number: int, last: int, at: float) -> None:
        """It has reached the epoch it was sent to, or failed."""
        trial = self._history.trials[number]
        if not trial.epochs and self._random.random() < self._failing:
            self._history.apply(
                at,
                Failure(trial=number, attempt=0, epoch=1, reason="", traceback="", final=True),
            )
            return
        score = self._score(trial, last)
        for epoch in range(trial.epoch + 1, last + 1):
            self._history.apply(
                at,
                EpochEnd(
                    trial=number,
                    attempt=0,
                    epoch=epoch,
                    metrics={self._metric: score},
                    cpu_s=0.0,
                    wall_s=0.0,
                    reset_s=0.0,
                    decision="go on",
                ),
            )

    def _score(self, trial: Trial, epoch: int) -> float:
        """Those of its pace's trial as far as they are known, then the last of them."""
        rungs = sum(rung <= epoch for rung in self._ladder)
        scores = self._paces[trial.number].scores
        if scores:
            return scores[min(rungs, len(scores)) - 1]
        return trial.value(self._metric) if trial.epochs else 0.0


def _lead_s(trial: Trial) -> float:
    """From its first segment's decision to its first epoch's start."""
    return max(trial.epoch_times[0] - trial.started_at - trial.epochs[0].wall_s, 0.0)


def _epoch_s(trial: Trial, slow: float | None) -> float:
    """By its CPU time, as the machine is now; else as it was."""
    if slow is None:
        return statistics.fmean(epoch.wall_s for epoch in trial.epochs)
    return slow * statistics.fmean(epoch.cpu_s for epoch in trial.epochs)


def _slowness(
    history: History, own: Sequence[Trial], config: StudyConfig
) -> tuple[float | None, float]:
    """Seconds by the clock of a CPU second, mostly as of late, and the deviation of its logarithm:
    a machine that others use too is not always as slow. None: it is not known, as on GPUs."""
    count = max(3 * config.workers, 8)
    latest = {history.trials[number].number for number in history.event_trials[-4 * count :]}
    known = sorted(
        (at, epoch.wall_s / epoch.cpu_s)
        for number in latest
        for at, epoch in zip(
            history.trials[number].epoch_times, history.trials[number].epochs, strict=True
        )
        if epoch.cpu_s > 0 and epoch.wall_s > 0
    )
    ratios = [math.log(ratio) for _, ratio in known[-count:]]
    cpu_s = sum(epoch.cpu_s for trial in own for epoch in trial.epochs)
    if config.gpus_per_trial or len(ratios) < 4 or cpu_s <= 0:
        return None, LOAD_SD
    overall = math.log(sum(history.epoch_walls_s) / cpu_s)
    recent = statistics.median(ratios)
    spread = math.hypot(LOAD_SD, 0.5 * statistics.pstdev(ratios), 0.35 * (recent - overall))
    return math.exp(0.75 * recent + 0.25 * overall), spread


def _between_segments_s(
    history: History, own: Sequence[Trial], workers: int, first_lead_s: float
) -> float:
    """What the workers' time was beside epochs, of each segment that has ended; 0: not known."""
    span = history.spans[-1]
    ended = sum(epoch.decision != "go on" for trial in own for epoch in trial.epochs)
    if len(history.spans) > 1 or ended < 3 * workers or not span.training_s:
        return 0.0
    assert span.last_epoch is not None
    running_s = sum(max(span.last_epoch - t.ended_at, 0.0) for t in history.open_trials())
    busy_s = sum(history.epoch_walls_s) + running_s + workers * first_lead_s
    return max(workers * span.training_s - busy_s, 0.0) / ended


def _repeated(history: History) -> float:
    """How much longer all takes as processes die and their epochs begin anew."""
    retries = sum(not failure.final for trial in history.trials for failure in trial.failures)
    return 1.0 + retries / max(history.epochs, 1)
