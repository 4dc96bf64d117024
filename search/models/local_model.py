"""A registered model that lies on this machine, asked without MLflow.

To import MLflow and open its store takes longer than all else that a typed question needs. What
MLflow would do for a model of `promote` in a SQLite store is done here: the store says where the
version's folder lies, and the sealed model in there answers. That holds for what is exactly as
`registry.register` left it. Of anything else, errors included, `ask` knows nothing: MLflow is asked
(predict.py), and has the words for it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.files.sqlite_uri import sqlite_path
from search.models.registry import SERVER_CODE, parse_name
from search.tasks.task import Task
from trainables import ensemble
from trainables.export import DESCRIPTION, verify

__all__ = ["LocalAnswers", "ask"]

# They send MLflow to another registry than the tracking URI names.
_ELSEWHERE = ("MLFLOW_REGISTRY_URI", "MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE")


@dataclass(frozen=True, kw_only=True)
class LocalAnswers:
    """What a model answers, as text and rows like those of the table that MLflow would give."""

    address: str
    columns: Mapping[str, list[Any]]  # each of str, int, float or list

    def as_text(self) -> str:
        """As CSV; lists as JSON."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=os.linesep)
        writer.writerow(self.columns)
        for row in zip(*self.columns.values(), strict=True):
            writer.writerow([json.dumps(v) if isinstance(v, list) else v for v in row])
        return text.getvalue()

    def rows(self) -> list[dict[str, Any]]:
        values = zip(*self.columns.values(), strict=True)
        return [dict(zip(self.columns, row, strict=True)) for row in values]


def ask(uri: str, task: Task, name: str | None, inputs: Any) -> LocalAnswers | None:
    """What the model `name` (as for `registry.find_model`) of the store `uri` answers to `inputs`
    of its task's `typed`; None where MLflow has to be asked."""
    named = parse_name(task.name, name)
    database = sqlite_path(uri)
    if named is None or database is None:
        return None
    if any(variable in os.environ for variable in _ELSEWHERE):
        return None
    try:
        version, folder = _find(database, *named)
        answer = _load(folder, task, inputs).answer(inputs)
        columns = {str(column): _plain(values) for column, values in answer.items()}
    except Exception:  # whatever is not as expected, MLflow tells better
        return None
    if len({len(values) for values in columns.values()}) != 1:
        return None
    return LocalAnswers(address=f"models:/{named[0]}/{version}", columns=columns)


def _find(database: Path, model: str, which: str) -> tuple[str, Path]:
    """A version and its folder, as MLflow's SqlAlchemyStore of the model registry finds them."""
    # "ro": a file that is not there is not made.
    address = f"{database.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as store:
        if which.startswith("@"):
            [(which,)] = store.execute(
                "SELECT version FROM registered_model_aliases"
                " WHERE workspace = 'default' AND name = ? AND alias = ?",
                (model, which[1:]),
            )
        [(folder,)] = store.execute(
            "SELECT coalesce(nullif(storage_location, ''), source) FROM model_versions"
            " WHERE workspace = 'default' AND name = ? AND version = ?"
            " AND current_stage != 'Deleted_Internal'",
            (model, int(which)),
        )
    if not os.path.isabs(folder):
        raise LookupError(f"{folder} is another kind of place")
    return str(which), Path(folder)


def _load(folder: Path, task: Task, inputs: Any) -> Any:
    """The sealed model in an MLflow model's folder, if it is served by our code, is one of this
    task, and takes these inputs."""
    import yaml

    described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    served = described["flavors"]["python_function"]
    code = folder / Path(served["model_code_path"]).name
    sealed = folder / served["artifacts"]["model"]["path"]
    sealed_as = json.loads((sealed / DESCRIPTION).read_text(encoding="utf-8"))
    is_ensemble = sealed_as["module"] == ensemble.MODULE
    module = sealed_as["of"] if is_ensemble else sealed_as["module"]
    if code.read_bytes() != SERVER_CODE.read_bytes() or module != task.model:
        raise LookupError("it is served by other code")
    if not _takes(json.loads(described["signature"]["inputs"]), inputs):
        raise LookupError("it takes other inputs")
    verify(sealed)
    return ensemble.load(sealed) if is_ensemble else task.model_module().load(sealed)


def _takes(signature: list[dict[str, Any]], inputs: Any) -> bool:
    """Whether MLflow would pass these inputs on as they are."""
    if isinstance(inputs, Mapping):
        return [column.get("name") for column in signature] == list(inputs) and all(
            column["type"] == "string" and {str} == set(map(type, inputs[column["name"]]))
            for column in signature
        )
    [only] = signature
    dtype, shape = only["tensor-spec"]["dtype"], only["tensor-spec"]["shape"]
    return bool(
        isinstance(inputs, np.ndarray)
        and inputs.dtype == dtype
        and len(shape) == inputs.ndim
        and all(size in (-1, own) for size, own in zip(shape, inputs.shape, strict=True))
    )


def _plain(values: Any) -> list[Any]:
    """A column that looks the same with and without pandas."""
    if isinstance(values, np.ndarray):
        if values.ndim != 1 or values.dtype not in (np.float64, np.int64):
            raise LookupError(f"{values.dtype} is for pandas to write")
        values = values.tolist()
    kinds = set(map(type, values))
    if (
        not isinstance(values, list)
        or kinds not in ({str}, {int}, {float}, {list})
        or (kinds == {float} and not all(map(math.isfinite, values)))
    ):
        raise LookupError("for pandas to write")
    return values
