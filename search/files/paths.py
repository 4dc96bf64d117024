"""What lies where in a study's folder, and how predictions are kept there.

studies/record.db            the record of all studies
studies/NAME/checkpoints/    trial-N/epoch-NNNNNN.pt
studies/NAME/predictions/    trial-N.arrow, baseline-NAME.arrow, labels.arrow (validation)
studies/NAME/figures/        trial-N/*.png
studies/NAME/logs/           trial-N.log, driver.log, tracking.log
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather

__all__ = [
    "baseline_file",
    "checkpoint_folder",
    "figures_folder",
    "labels_file",
    "load_predictions",
    "log_file",
    "predictions_file",
    "preemption_mark",
    "save_predictions",
]


def checkpoint_folder(study: Path, trial: int) -> Path:
    return study / "checkpoints" / f"trial-{trial}"


def predictions_file(study: Path, trial: int) -> Path:
    """A complete trial's validation predictions."""
    return study / "predictions" / f"trial-{trial}.arrow"


def baseline_file(study: Path, name: str) -> Path:
    """The validation predictions of a baseline that needs no training."""
    return study / "predictions" / f"baseline-{name}.arrow"


def labels_file(study: Path) -> Path:
    """The validation labels."""
    return study / "predictions" / "labels.arrow"


def figures_folder(study: Path, trial: int) -> Path:
    """A complete trial's pictures."""
    return study / "figures" / f"trial-{trial}"


def log_file(study: Path, name: str) -> Path:
    """What "trial-N", "driver" or "tracking" has printed."""
    return study / "logs" / f"{name}.log"


def preemption_mark(study: Path, trial: int) -> Path:
    """There from a SIGTERM to the trial's process (its machine goes) until the driver reads it."""
    return study / "logs" / f"trial-{trial}.preempted"


def save_predictions(predictions: np.ndarray, path: Path) -> None:
    """(N,) or (N, classes), as an Arrow file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = predictions.reshape(len(predictions), -1)
    table = pa.table({f"p{i}": columns[:, i] for i in range(columns.shape[1])})
    partial = path.with_suffix(".partial")
    pyarrow.feather.write_feather(table, str(partial), compression="uncompressed")
    partial.replace(path)


def load_predictions(path: Path) -> np.ndarray:
    """(N,) or (N, classes)."""
    columns = pyarrow.feather.read_table(str(path)).columns
    stacked = np.stack([column.to_numpy() for column in columns], axis=1)
    return stacked[:, 0] if stacked.shape[1] == 1 else stacked
