"""Figure 8: what the first layer of the trained networks looks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.experiments.figures.canvas import Drawn, Undrawn, new_figure
from search.experiments.figures.losses import reduction, runs_of, untrained
from search.experiments.reproduce import study_name
from search.record.record import Record
from trainables.cnn.figures import filter_picture

__all__ = ["filters"]

TITLE = "First-layer filters"
TABLES_OF = ("table1", "table2")  # LeNet, ResNet-18
COLUMNS = 8


def filters(record: Record, asked: str) -> Drawn | Undrawn:
    """Of the first run in each table's study whose checkpoint is there."""
    found = []
    for table in TABLES_OF:
        for label, trials in runs_of(record, table).items():
            study = record.study(study_name(table))
            files = record.files(study)
            for trial in trials:
                loaded = files.load_checkpoint(trial.number, trial.epoch)
                if loaded is not None:
                    weights = loaded[1]["average"]["conv1.weight"].numpy()
                    marked = f"{reduction(study, table)}{label}, after epoch {loaded[0]}"
                    found.append((marked, weights))
                    break
    if not found:
        return untrained(record, 8, TITLE, TABLES_OF[0], asked)
    return _drawn(found)


def _drawn(found: Sequence[tuple[str, np.ndarray]]) -> Drawn:
    columns = min(max(len(weights) for _, weights in found), COLUMNS)
    lines = [-(-len(weights) // columns) for _, weights in found]
    figure = new_figure(columns, sum(lines) + 0.7 * len(found))
    parts = figure.subfigures(len(found), 1, squeeze=False, height_ratios=[n + 0.7 for n in lines])
    for part, rows, (title, weights) in zip(parts.ravel(), lines, found, strict=True):
        part.suptitle(title, fontsize=10)
        grid = part.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid:
            axes.axis("off")
        for number, (axes, weight) in enumerate(zip(grid, weights, strict=False), 1):
            axes.imshow(filter_picture(weight))
            axes.set_title(str(number), fontsize=7, pad=2)
    sizes = ", ".join(
        f"{len(weights)} of {'×'.join(map(str, weights.shape[2:]))} pixels" for _, weights in found
    )
    return Drawn(
        number=8,
        title=TITLE,
        caption=f"Filters of the first convolution ({sizes}) as colour pictures, by number; each "
        "one's own range is spread from black to full colour.",
        figure=figure,
    )
