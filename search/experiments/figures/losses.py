"""Figures 6, 7 and 9: losses by epoch, of the studies that train the report's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.experiments.figures.canvas import ACCENT, INK, Drawn, Undrawn, new_figure
from search.experiments.reproduce import reduced, study_name
from search.record.commands import command
from search.record.record import Record, Study
from spaces.report import TABLES
from trainables.cnn.data import WITHOUT_VALIDATION

__all__ = ["losses", "reduction", "runs_of", "untrained"]

# Of each task: label of the axis; metric → (what it is, factor to the axis's unit).
_METRICS: Mapping[str, tuple[str, Mapping[str, tuple[str, float]]]] = {
    # Trained on scores from 0 to 1, told of those from 0 to 5.
    "sts": (
        "mean squared error (0-5 scale)",
        {"train_loss": ("training", 25.0), "dev_mse": ("development", 1.0)},
    ),
    "cnn": (
        "cross entropy",
        {"train_loss": ("training", 1.0), "val_loss": ("validation", 1.0)},
    ),
}
_TOLD = {
    "sts": "Training is the mean over an epoch while it trains, times 25 to the same scale.",
    "cnn": "Training is the mean over an epoch's augmented batches while it trains, label "
    "smoothing included; the other is unsmoothed, after the epoch.",
}
OWN_SPLIT = "cifar10"  # some of whose training images are held out
COLOURS = (INK, ACCENT)
COLUMNS = 3


def losses(record: Record, number: int, title: str, table: str, asked: str) -> Drawn | Undrawn:
    """Figure `number` of the study of `table`. `asked`: options of the command that trains it."""
    from matplotlib.ticker import MaxNLocator

    runs = runs_of(record, table)
    if not runs:
        return untrained(record, number, title, table, asked)
    study = record.study(study_name(table))
    unit, metrics = _METRICS[study.config.task]
    held_out = study.config.dataset not in WITHOUT_VALIDATION
    if not held_out:
        metrics = {**metrics, "val_loss": ("of training images, not augmented", 1.0)}
    figure = new_figure(4.2 * min(len(runs), COLUMNS) + 1, 3.4 * -(-len(runs) // COLUMNS))
    rows, columns = -(-len(runs) // COLUMNS), min(len(runs), COLUMNS)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, (label, trials) in zip(panels, runs.items(), strict=False):
        _draw(axes, trials, metrics)
        axes.set_title(label, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(unit)
        axes.tick_params(labelbottom=True, labelleft=True)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(runs) :]:
        axes.axis("off")
    panels[0].legend(frameon=False)
    caption = f"{reduction(study, table)}{_caption(study, runs)} {_TOLD[study.config.task]}"
    if not held_out:
        caption += (
            " All images are trained on, as in the table, so that none is left to validate on: "
            f"`reproduce {table} --dataset {OWN_SPLIT}`, in another studies folder, keeps some."
        )
    return Drawn(number=number, title=title, caption=caption, figure=figure)


def _caption(study: Study, runs: Mapping[str, Sequence[Trial]]) -> str:
    counts = sorted({len(trials) for trials in runs.values()})
    reached = [trial.epoch for trials in runs.values() for trial in trials]
    shown = "1 run a row" if counts == [1] else f"{' to '.join(map(str, counts))} runs a row"
    lines = "" if counts == [1] else " (thin), their mean (bold)"
    told = f"Study {study.name}: {shown}{lines}, {max(reached)} epochs."
    if under_way := sum(epochs < study.config.max_epochs for epochs in reached):
        told += f" {under_way} of {len(reached)} not at their end yet."
    return told


def reduction(study: Study, table: str) -> str:
    """A mark where the study of a table is less than the report's; else nothing."""
    config = study.config
    given = next(iter((config.points or {}).values()), {})
    fewer = given.get(TABLES[table].fewer_examples)
    examples = fewer if isinstance(fewer, int) else None
    less = reduced(TABLES[table], config.max_epochs, examples, config.dataset)
    return f"REDUCED: {less}. " if less else ""


def runs_of(record: Record, table: str) -> dict[str, list[Trial]]:
    """The runs with an epoch on record of each row of the report's own, by its label; none where
    there is no study of the table."""
    name = study_name(table)
    if name not in record.names() or table not in TABLES:
        return {}
    labels = {row.point: row.label for row in TABLES[table].rows if row.reported}
    found: dict[str, list[Trial]] = {}
    for trial in record.history(record.study(name)).trials:
        if trial.epochs and not trial.failed and trial.suggestion.source in labels:
            found.setdefault(labels[trial.suggestion.source], []).append(trial)
    return found


def untrained(record: Record, number: int, title: str, table: str, asked: str) -> Undrawn:
    """Which command trains it."""
    told = command(record, f"reproduce {table}{asked}")
    why = f"no run of study {study_name(table)} is on record; `{told}` trains it"
    return Undrawn(number=number, title=title, why=why)


def _draw(axes: Any, trials: Sequence[Trial], metrics: Mapping[str, tuple[str, float]]) -> None:
    for colour, (metric, (name, factor)) in zip(COLOURS, metrics.items(), strict=True):
        curves = [
            factor * np.array([end.metrics[metric] for end in trial.epochs])
            for trial in trials
            if metric in trial.epochs[0].metrics
        ]
        if not curves:
            continue
        for curve in curves if len(curves) > 1 else ():
            axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=0.6, alpha=0.5)
        shared = min(map(len, curves))
        mean = np.mean([curve[:shared] for curve in curves], axis=0)
        marker = "o" if shared == 1 else ""
        axes.plot(
            np.arange(1, shared + 1), mean, color=colour, linewidth=2, marker=marker, label=name
        )
