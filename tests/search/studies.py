"""Histories made by hand: what a driver and its workers would put on record."""

from __future__ import annotations

from collections.abc import Iterable

from search.decisions.history import EpochEnd, Event, Failure, History, Segment, Session, Suggestion


def suggestion(trial: int, source: str = "random", **config: object) -> Suggestion:
    return Suggestion(trial=trial, config=config, seed=trial, source=source)


def segment(trial: int, first: int, last: int, attempt: int = 0) -> Segment:
    return Segment(trial=trial, attempt=attempt, first_epoch=first, last_epoch=last)


def epoch(trial: int, number: int, score: float, decision: str = "go on") -> EpochEnd:
    return EpochEnd(
        trial=trial,
        attempt=0,
        epoch=number,
        metrics={"score": score, "loss": 1 - score},
        cpu_s=0.5,
        wall_s=0.6,
        reset_s=0.1,
        decision=decision,  # type: ignore[arg-type]
    )


def failure(
    trial: int,
    number: int,
    *,
    attempt: int = 0,
    final: bool = True,
    reason: str = "RuntimeError: asked to fail",
) -> Failure:
    return Failure(
        trial=trial,
        attempt=attempt,
        epoch=number,
        reason=reason,
        traceback="Traceback (most recent call last): ...",
        final=final,
    )


def session(event: str, trials: int = 9) -> Session:
    return Session(event=event, trials=trials)  # type: ignore[arg-type]


def history(events: Iterable[Event], start: float = 100.0) -> History:
    """The events, one second apart."""
    return History((start + i, event) for i, event in enumerate(events))


def scored(*trials: dict[int, float], source: str = "random") -> list[Event]:
    """Trials that rest at their last epoch, each told as {epoch: score}, after "started".

    >>> scored({1: .5}, {1: .9, 3: .8})  # trial 0 paused at epoch 1, trial 1 at epoch 3
    """
    events: list[Event] = [session("started", len(trials))]
    for number, scores in enumerate(trials):
        last = max(scores)
        events += [suggestion(number, source), segment(number, 1, last)]
        for at in range(1, last + 1):
            known = min(e for e in scores if e >= at)  # between two rungs: any score
            events.append(epoch(number, at, scores[known], "pause" if at == last else "go on"))
    return events
