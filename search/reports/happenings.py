"""What happens in a study, in the words of those who follow it: one JSON object a happening.

`event` is suggestion (trial, config, source), epoch (trial, epoch, metrics, decision), end (trial,
state; the reason of one that failed), best (trial, value: a new best complete trial) or study
(state: started, finished, stopped, interrupted); `time` is seconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.decisions.history import EpochEnd, Event, Failure, Session, Suggestion
from search.reports.standing import Follower

__all__ = ["Happenings"]

Happening = dict[str, Any]


class Happenings:
    """Of a follower's study, event by event, each after the follower has taken it."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._best: int | None = None

    def of(self, at: float, event: Event) -> list[Happening]:
        return [{"event": name, "time": round(at, 3), **told} for name, told in self._told(event)]

    def _told(self, event: Event) -> Iterator[tuple[str, Happening]]:
        history, config = self._follower.history, self._follower.study.config
        match event:
            case Suggestion():
                yield (
                    "suggestion",
                    {
                        "trial": event.trial,
                        "config": dict(event.config),
                        "source": event.source,
                    },
                )
            case EpochEnd():
                yield (
                    "epoch",
                    {
                        "trial": event.trial,
                        "epoch": event.epoch,
                        "metrics": dict(event.metrics),
                        "decision": event.decision,
                    },
                )
                if event.epoch >= config.max_epochs:
                    yield "end", {"trial": event.trial, "state": "complete"}
                    yield from self._new_best()
            case Failure() if event.final:
                yield (
                    "end",
                    {"trial": event.trial, "state": "failed", "reason": event.reason},
                )
            case Session():
                if event.event == "finished":
                    for trial in history.trials:
                        if history.state(trial, config.max_epochs) == "pruned":
                            yield "end", {"trial": trial.number, "state": "pruned"}
                why = event.details.get("why")
                yield "study", {"state": event.event, **({"why": why} if why else {})}

    def _new_best(self) -> Iterator[tuple[str, Happening]]:
        best, metric = self._follower.complete.best(), self._follower.task.metric
        if best is not None and best.number != self._best:
            self._best = best.number
            yield (
                "best",
                {
                    "trial": best.number,
                    "metric": metric,
                    "value": best.value(metric),
                    "config": dict(best.suggestion.config),
                },
            )
