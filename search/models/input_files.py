"""The files that inputs are read from and answers are written to."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from search.errors import UserError

__all__ = ["as_text", "check_output", "read_inputs", "write_answers"]


def read_inputs(path: Path) -> Any:
    """A table from .csv or .parquet, or an array from .npy. Raises ValueError, OSError."""
    kind = path.suffix.lower()
    try:
        if kind == ".csv":
            return _read_csv(path)
        if kind == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)  # what it was cut out of is past
        if kind == ".npy":
            return np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever a damaged file makes of its reader; MemoryError, too
        raise UserError(f"{path} is no such file as its name says: {error}") from None
    raise UserError(f"an input is .csv, .parquet or .npy; got {path}")


def _read_csv(path: Path) -> pd.DataFrame:
    """Every cell is a text, an empty one or "NA" too. Raises ValueError.

    Not by pandas, which fills short rows, renames columns and skips blank lines without a word.
    """
    csv.field_size_limit(2**31 - 1)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file, strict=True))
    header = rows.pop(0) if rows else []
    if not header or len(set(header)) < len(header):
        raise UserError(f"each column needs a name of its own, got {', '.join(header) or 'none'}")
    while rows and not rows[-1]:  # blank lines at the end
        rows.pop()
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UserError(
                f"row {number} has {len(row)} cells, its header has {len(header)}; a text with a "
                "comma in it needs quotes"
            )
    return pd.DataFrame(rows, columns=header, dtype=str)


def check_output(path: Path) -> None:
    """Before the work is done for nothing. Raises ValueError."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError(f"an output is .csv or .parquet; got {path}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"there is no folder {path.parent} for {path.name}")


def write_answers(inputs: Any, answers: pd.DataFrame, path: Path) -> None:
    """Each answer beside its input; `check_output` comes first."""
    if isinstance(inputs, Mapping):
        inputs = pd.DataFrame(inputs)
    if isinstance(inputs, pd.DataFrame):
        answers = pd.concat(
            [inputs.drop(columns=answers.columns, errors="ignore"), answers.set_axis(inputs.index)],
            axis=1,
        )
    if path.suffix.lower() == ".csv":
        path.write_text(as_text(answers), encoding="utf-8")
    else:
        answers.to_parquet(path, index=False)


def as_text(answers: pd.DataFrame) -> str:
    """As CSV; lists as JSON."""
    plain = answers.copy()
    for name in plain.columns:
        if len(plain) and isinstance(plain[name].iloc[0], list):
            plain[name] = [json.dumps(value) for value in plain[name]]
    text: str = plain.to_csv(index=False)
    return text
