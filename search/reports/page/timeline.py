"""Chart 7: what the workers did when, and where the cores' time went."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.reports.page.chart import (
    ACCENT,
    FAILED,
    FAINT,
    LINE,
    PAPER,
    SOFT,
    SOLID,
    Chart,
    figure,
    many,
    round_short,
    span_text,
    table,
)
from search.reports.page.facts import Facts

__all__ = ["CoreTime", "Piece", "core_time", "pieces", "timeline"]

# Of more workers it is shown how many are busy, not who.
MOST_LANES = 16
MOST_STEPS = 1000
COLOURS = {
    "complete": SOLID,
    "pruned": FAINT,
    "paused": FAINT,
    "running": SOFT,
    "failed": FAILED,
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A worker trained a trial without a break. Seconds at work of the study."""

    trial: int
    first_epoch: int
    last_epoch: int
    began: float
    ended: float
    lane: int


@dataclass(frozen=True, kw_only=True)
class CoreTime:
    """Where the time of the cores went, in core seconds, of all sessions."""

    training: float  # CPU seconds of training and evaluation
    waiting: float  # in an epoch, but not computing: disk, memory, other processes
    loading: float  # before a segment's first epoch: data, vectors, checkpoints
    idle: float  # between the first trial's start and the last epoch's end, without a trial
    starting: float  # of Ray and its workers
    ending: float  # after the last epoch

    @property
    def total(self) -> float:
        return sum(self.parts().values())

    def parts(self) -> dict[str, float]:
        return {
            "training": self.training,
            "waiting within epochs": self.waiting,
            "loading": self.loading,
            "idle": self.idle,
            "starting": self.starting,
            "ending": self.ending,
        }


def timeline(facts: Facts) -> Chart:
    found, spent = pieces(facts), core_time(facts)
    figures = []
    if found:
        lanes = max(piece.lane for piece in found) + 1
        figures = [_lanes(facts, found, lanes) if lanes <= MOST_LANES else _busy(facts, found)]
        figures.append(_parts(spent))
    columns = ["trial", "first epoch", "last epoch", "from", "to", "worker"]
    rows = [
        [p.trial, p.first_epoch, p.last_epoch, span_text(p.began), span_text(p.ended), p.lane + 1]
        for p in found
    ]
    return Chart(
        id="timeline",
        title="Where the time went",
        caption=_caption(facts, spent),
        figures=figures,
        table=table(columns, rows),
        more={"Core time by what it went into": _parts_table(spent)} if found else {},
        note="The record does not say which worker trained what: lanes are filled from the top. "
        "Time between two sessions is left out."
        if found
        else "",
    )


def pieces(facts: Facts) -> list[Piece]:
    """In the order of their beginning. An epoch is in the record when it ends, with how long it
    took; those of a trial that follow each other closely are one piece."""
    spans: list[tuple[float, float, int, int, int]] = []
    for trial in facts.history.trials:
        for epoch, at in zip(trial.epochs, trial.epoch_times, strict=True):
            ended = facts.worked_s(at)
            began = max(ended - epoch.wall_s - epoch.reset_s, 0.0)
            if spans and spans[-1][2] == trial.number and epoch.reset_s == 0:
                start, _, number, first, _ = spans.pop()
                spans.append((start, ended, number, first, epoch.epoch))
            else:
                spans.append((began, ended, trial.number, epoch.epoch, epoch.epoch))
    return _in_lanes(sorted(spans), facts.study.config.workers)


def _in_lanes(spans: Sequence[tuple[float, float, int, int, int]], workers: int) -> list[Piece]:
    """Each in the first lane that is free; in the one that is free first where none is, since an
    epoch's end is known a little later than it was."""
    free = list(range(workers))
    busy: list[tuple[float, int]] = []
    found = []
    for began, ended, trial, first, last in spans:
        while busy and (busy[0][0] <= began or not free):
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free)
        heapq.heappush(busy, (ended, lane))
        found.append(
            Piece(
                trial=trial, first_epoch=first, last_epoch=last, began=began, ended=ended, lane=lane
            )
        )
    return found


def core_time(facts: Facts) -> CoreTime:
    config, spans = facts.study.config, facts.history.spans
    epochs = [epoch for trial in facts.history.trials for epoch in trial.epochs]
    training = sum(epoch.cpu_s for epoch in epochs)
    threads = config.cpus_per_trial
    in_epochs = sum(epoch.wall_s for epoch in epochs) * threads
    loading = sum(epoch.reset_s for epoch in epochs) * threads
    between = sum(span.training_s for span in spans) * config.cores
    whole = sum(span.wall_s for span in spans) * config.cores
    starting = sum((s.first_segment or s.ended) - s.started for s in spans) * config.cores
    return CoreTime(
        training=training,
        waiting=max(in_epochs - training, 0.0),
        loading=loading,
        idle=max(between - max(in_epochs, training) - loading, 0.0),
        starting=max(starting, 0.0),
        ending=max(whole - between - max(starting, 0.0), 0.0),
    )


def _lanes(facts: Facts, found: Sequence[Piece], lanes: int) -> Any:
    data: list[dict[str, Any]] = []
    end = facts.worked_s(facts.history.spans[-1].ended)
    best = facts.best.number if facts.best else None
    groups: dict[str, list[Piece]] = {}
    for piece in found:
        name = "the best" if piece.trial == best else facts.states[piece.trial]
        groups.setdefault(name, []).append(piece)
    data.append(
        {
            "type": "bar",
            "orientation": "h",
            "name": "idle",
            "y": [f"worker {lane + 1}" for lane in range(lanes)],
            "x": [round_short(end)] * lanes,
            "marker": {"color": LINE},
            "hoverinfo": "skip",
        }
    )
    data += [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": [f"worker {piece.lane + 1}" for piece in of],
            "base": [round_short(piece.began) for piece in of],
            "x": [round_short(piece.ended - piece.began) for piece in of],
            "customdata": [[p.trial, p.first_epoch, p.last_epoch] for p in of],
            "marker": {
                "color": ACCENT if name == "the best" else COLOURS[name],
                "line": {"color": PAPER, "width": 0.5},
            },
            "hovertemplate": "trial %{customdata[0]}, epochs %{customdata[1]} to "
            "%{customdata[2]}<extra></extra>",
        }
        for name, of in groups.items()
    ]
    return figure(
        data,
        label="what each worker trained when",
        x={"title": {"text": "seconds at work"}, "range": [0, round_short(end)]},
        y={"autorange": "reversed", "type": "category"},
        barmode="overlay",
        bargap=0.25,
        height=150 + 26 * lanes,
    )


def _busy(facts: Facts, found: Sequence[Piece]) -> Any:
    """How many workers train at a time."""
    changes = sorted([(p.began, 1) for p in found] + [(p.ended, -1) for p in found])
    xs, ys, busy = [0.0], [0], 0
    step, workers = -(-len(changes) // MOST_STEPS), facts.study.config.workers
    for number, (at, change) in enumerate(changes):
        busy += change
        if number % step == 0 or number == len(changes) - 1:
            # One ends and the next begins at what is only nearly the same moment.
            xs, ys = [*xs, at], [*ys, min(busy, workers)]
    lines = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [round_short(x) for x in points],
            "y": values,
            "line": {"shape": "hv", "width": 1, "color": colour},
            "fill": fill,
            "fillcolor": colour,
        }
        for name, points, values, colour, fill in (
            ("training", xs, ys, SOLID, "tozeroy"),
            ("idle", [0, xs[-1]], [workers, workers], LINE, "tonexty"),
        )
    ]
    return figure(
        lines,
        label="workers that train, by time",
        x={"title": {"text": "seconds at work"}},
        y={"title": {"text": "workers"}, "rangemode": "tozero"},
    )


def _parts(spent: CoreTime) -> Any:
    colours = [ACCENT, SOFT, SOLID, LINE, FAINT, FAINT]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": ["core time"],
            "x": [round_short(100 * seconds / spent.total)],
            "marker": {"color": colour, "line": {"color": PAPER, "width": 1}},
            "hovertemplate": f"{name}: %{{x:.1f}}%<extra></extra>",
        }
        for (name, seconds), colour in zip(spent.parts().items(), colours, strict=True)
    ]
    return figure(
        data,
        label="where the cores' time went, in percent",
        x={"ticksuffix": "%", "range": [0, 100]},
        y={"showticklabels": False},
        barmode="stack",
        height=170,
    )


def _parts_table(spent: CoreTime) -> Any:
    rows = [
        [name, span_text(seconds), f"{seconds / spent.total:.1%}"]
        for name, seconds in spent.parts().items()
    ]
    return table(["what", "core time", "share"], rows)


def _caption(facts: Facts, spent: CoreTime) -> str:
    if not spent.total or not facts.history.epochs:
        return "No epoch has ended yet: no time went into training."
    shares = {name: seconds / spent.total for name, seconds in spent.parts().items()}
    largest = max((name for name in shares if name != "training"), key=lambda name: shares[name])
    workers = many(facts.study.config.workers, "worker")
    return (
        f"{shares['training']:.0%} of the time of {many(facts.study.config.cores, 'core')} "
        f"({workers}) went into training; the largest other part, {shares[largest]:.0%}, was "
        f"{_told(largest)}."
    )


def _told(part: str) -> str:
    return {
        "waiting within epochs": "lost within epochs, waiting for data, memory or other programs",
        "loading": "loading data and checkpoints before a segment",
        "idle": "idle workers",
        "starting": "starting Ray and its workers",
        "ending": "spent after the last epoch",
    }[part]
