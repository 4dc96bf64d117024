"""Ask a registered model, or score it on the test split."""

from __future__ import annotations

import csv
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from search.errors import RegistryError, UserError, first_line
from search.models import test_split
from search.models.registry import find_model
from search.record.record import Record
from search.statistics.intervals import example_interval, interval_text
from search.tasks.task import Task

__all__ = [
    "Opened",
    "as_text",
    "ask",
    "check_output",
    "describe",
    "evaluate",
    "open_model",
    "read_inputs",
    "typed_inputs",
    "write_answers",
]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A model, loaded."""

    address: str
    model: Any  # mlflow.pyfunc.PyFuncModel
    tags: Mapping[str, str]  # of the registered version; none for a model from elsewhere


def open_model(uri: str, task: Task, name: str | None) -> Opened:
    """The champion; or the version, alias, or MLflow address `name`. Raises RegistryError."""
    address = find_model(uri, task.name, name)
    try:
        model = mlflow.pyfunc.load_model(address)
        tags = _tags(uri, address)
    except Exception as error:  # whatever a store elsewhere, or what speaks to it, answers
        why = str(error) or type(error).__name__
        raise RegistryError(f"{address} cannot be loaded: {why}") from None
    if model.metadata.get_input_schema() is None:
        raise RegistryError(f"{address} does not say what it takes: it is no model of `promote`")
    return Opened(address=address, model=model, tags=tags)


def ask(opened: Opened, inputs: Any) -> pd.DataFrame:
    """One row an input. Raises ValueError, for columns or a size that the model does not take."""
    schema = opened.model.metadata.get_input_schema()
    needed = schema.input_names() if schema.has_input_names() else []
    if isinstance(inputs, pd.DataFrame) != bool(needed):
        takes = f"a table with columns {', '.join(needed)}" if needed else "an array (.npy)"
        raise UserError(f"{opened.address} takes {takes}")
    if isinstance(inputs, pd.DataFrame):
        missing = [column for column in needed if column not in inputs.columns]
        if missing:
            raise UserError(
                f"columns {' and '.join(needed)} are needed; missing: {', '.join(missing)}, "
                f"there are: {', '.join(map(str, inputs.columns))}"
            )
        inputs = inputs[needed]
    try:
        answers: pd.DataFrame = opened.model.predict(inputs)
    except MlflowException as error:
        # MLflow quotes the whole input before it says what is wrong with it.
        raise UserError(error.message.rpartition("Error: ")[2]) from None
    return answers


def typed_inputs(task: Task, arguments: Sequence[str]) -> Any:
    """Inputs from the command line."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            inputs = task.model_module().typed(arguments)
        except ValueError as error:
            raise UserError(first_line(error)) from None
    for warning in caught:
        print(f"note: {warning.message}", file=sys.stderr)
    return pd.DataFrame(inputs) if isinstance(inputs, Mapping) else inputs


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
    """Each answer beside what was asked; `check_output` comes first."""
    if isinstance(inputs, pd.DataFrame):
        answers = pd.concat(
            [inputs.drop(columns=answers.columns, errors="ignore"), answers.set_axis(inputs.index)],
            axis=1,
        )
    if path.suffix.lower() == ".csv":
        path.write_text(as_text(answers))
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


def evaluate(
    opened: Opened, task: Task, record: Record, dataset: str | None, data_dir: Path | None
) -> dict[str, Any]:
    """The model's score on the test split, with the reading on the ledger first."""
    data = task.testable_data()
    dataset = dataset or opened.tags.get("dataset") or data.DATASETS[0]
    if dataset not in data.DATASETS:
        raise UserError(
            f"{task.name} has no data set {dataset!r}; there are: {', '.join(data.DATASETS)}"
        )
    try:
        served = opened.model.unwrap_python_model()
    except MlflowException:
        raise RegistryError(f"{opened.address} is no model of `promote`: it has no hash") from None
    study = opened.tags.get("study", opened.address)
    test = test_split.read(
        record,
        data,
        dataset,
        data_dir,
        model_hashes=[served.hash],
        study=study,
        purpose="predict --evaluate",
    )
    predictions = served.model.predict(test.inputs)
    readings = test_split.count(record, data, dataset, study)
    return {
        "model": opened.address,
        "dataset": dataset,
        "metric": task.metric,
        "test": {
            **asdict(example_interval(task.objective, test.labels, predictions, seed=0)),
            "n": len(test.labels),
        },
        "groups": {
            str(group): task.objective(
                test.labels[test.groups == group], predictions[test.groups == group]
            )
            for group in np.unique(test.groups)
        },
        "test_readings": readings.study,
        "test_readings_all": readings.all,
    }


def describe(scores: Mapping[str, Any]) -> str:
    """`evaluate` for a terminal."""
    test = scores["test"]
    lines = [
        f"{scores['model']} on the test split of {scores['dataset']}, as {scores['metric']}: "
        f"{test['mean']:.4f} {interval_text(test['low'], test['high'])} over {test['n']} examples",
        *[f"    {group}: {value:.4f}" for group, value in scores["groups"].items()],
        str(test_split.Readings(study=scores["test_readings"], all=scores["test_readings_all"])),
    ]
    return "\n".join(lines)


def _tags(uri: str, address: str) -> dict[str, str]:
    """Of a registered version; none if the address names no such one."""
    name, _, version = address.removeprefix("models:/").rpartition("/")
    if not (address.startswith("models:/") and name and version.isdigit()):
        return {}
    found: dict[str, str] = mlflow.MlflowClient(uri).get_model_version(name, version).tags
    return found
