"""Pictures of a finished trial: confusion matrix, first-layer filters, loss curves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trainables import State
from trainables.cnn import Config
from trainables.cnn.data import CLASSES, Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion", "figures", "filter_picture"]


def figures(
    config: Config,
    data: Data,
    epochs_metrics: Sequence[Mapping[str, float]],
    predictions: np.ndarray,
    state: State,
) -> dict[str, bytes]:
    """File name → PNG.

    `epochs_metrics`: of each epoch from the first; `predictions` (N, classes) and `state`: of the
    last. The filters are the report's Figure 8.
    """
    weights = state["average"]["conv1.weight"].detach().cpu().numpy()
    return {
        "confusion_matrix.png": _confusion_matrix(confusion(data.val_labels, predictions)),
        "first_layer_filters.png": _filters(weights, f"First layer of {config.model}"),
        "loss_curves.png": _curves(epochs_metrics),
    }


def confusion(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Counts (classes, classes): row the true class, column the likeliest by (N, classes)."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(counts, (labels, predictions.argmax(1)), 1)
    return counts


def _confusion_matrix(counts: np.ndarray) -> bytes:
    figure = _figure(7, 6)
    axes = figure.subplots()
    image = axes.imshow(counts, cmap="Blues")
    figure.colorbar(image, label="validation images")
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right")
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    return _png(figure)


def _filters(weights: np.ndarray, title: str) -> bytes:
    columns = min(len(weights), 8)
    rows = -(-len(weights) // columns)
    figure = _figure(columns, rows + 0.5)
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, weight in zip(grid, weights, strict=False):
        axes.imshow(filter_picture(weight))
    return _png(figure)


def filter_picture(weight_CHW: np.ndarray) -> np.ndarray:
    """A filter (3, height, width) as (height, width, 3), its own range spread over 0 to 1."""
    low, high = weight_CHW.min(), weight_CHW.max()
    picture: np.ndarray = ((weight_CHW - low) / max(high - low, 1e-12)).transpose(1, 2, 0)
    return picture


def _curves(epochs_metrics: Sequence[Mapping[str, float]]) -> bytes:
    figure = _figure(9, 4)
    numbers = range(1, len(epochs_metrics) + 1)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split in ("train", "val"):
            values = [metrics[f"{split}_{name}"] for metrics in epochs_metrics]
            axes.plot(numbers, values, marker=".", label=split)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.legend()
    return _png(figure)


def _figure(width: float, height: float) -> Figure:
    """Without pyplot, which would keep every figure of a long-lived worker."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
