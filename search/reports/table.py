"""Record → trials.parquet: a study as one table, for notebooks. Nothing in it depends on time.

One row an epoch; a trial that finished none has one row without an epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from search.decisions.history import Trial
from search.files.text import writable
from search.record.record import Record, Study
from search.reports.summary import trial_state

__all__ = ["table", "table_file", "write_table"]


def table_file(record: Record, study: Study) -> Path:
    return record.study_folder(study.name) / "trials.parquet"


def write_table(record: Record, study: Study) -> Path:
    """Write the table, whole or not at all."""
    path = table_file(record, study)
    partial = path.with_suffix(".partial")
    pyarrow.parquet.write_table(table(record, study), partial)
    partial.replace(path)
    return path


def table(record: Record, study: Study) -> pa.Table:
    """Columns: trial, source, seed, state, reason, config.NAME, epoch, decision, metric.NAME."""
    history = record.history(study)
    rows = [
        row
        for trial in history.trials
        for row in _rows(trial, trial_state(history, trial, study, driven=False))
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({writable(n): _column([row.get(n) for row in rows]) for n in names})


def _column(values: list[Any]) -> pa.Array:
    """Of one type: text where there is no other, as for a choice among .5 and "sqrt", or for whole
    numbers beyond 64 bits."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([None if value is None else writable(str(value)) for value in values])


def _rows(trial: Trial, state: str) -> list[dict[str, Any]]:
    common = {
        "trial": trial.number,
        "source": trial.suggestion.source,
        "seed": trial.suggestion.seed,
        "state": state,
        "reason": trial.failures[-1].reason if trial.failed else None,
        **{f"config.{name}": value for name, value in trial.suggestion.config.items()},
    }
    epochs = [
        {
            **common,
            "epoch": epoch.epoch,
            "decision": epoch.decision,
            **{f"metric.{name}": value for name, value in epoch.metrics.items()},
        }
        for epoch in trial.epochs
    ]
    return epochs or [{**common, "epoch": None, "decision": None}]
