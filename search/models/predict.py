"""Open a registered model, and have it predict."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.errors import RegistryError, UserError, first_line
from search.models.registry import find_model
from search.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OpenedModel", "open_model", "typed_inputs"]


@dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """A registered model, or one from elsewhere, loaded."""

    address: str
    model: Any  # mlflow.pyfunc.PyFuncModel
    tags: Mapping[str, str]  # of the registered version; none for a model from elsewhere

    def predict(self, inputs: Any) -> pd.DataFrame:
        """One row an input. `inputs`: the array or the table that the model takes; the table's
        columns by name; or its rows as a list of tuples, in the order of its columns. Raises
        UserError for columns or a size that the model does not take."""
        import pandas as pd
        from mlflow.exceptions import MlflowException

        schema = self.model.metadata.get_input_schema()
        needed = schema.input_names() if schema.has_input_names() else []
        if needed and isinstance(inputs, list):
            try:
                inputs = pd.DataFrame(inputs, columns=needed)
            except ValueError as error:
                rows = ", ".join(needed)
                raise UserError(f"{self.address} takes rows of {rows}: {error}") from None
        if isinstance(inputs, Mapping):
            inputs = pd.DataFrame(inputs)
        if isinstance(inputs, pd.DataFrame) != bool(needed):
            takes = f"a table with columns {', '.join(needed)}" if needed else "an array (.npy)"
            raise UserError(f"{self.address} takes {takes}")
        if isinstance(inputs, pd.DataFrame):
            missing = [column for column in needed if column not in inputs.columns]
            if missing:
                raise UserError(
                    f"columns {' and '.join(needed)} are needed; missing: {', '.join(missing)}, "
                    f"there are: {', '.join(map(str, inputs.columns))}"
                )
            inputs = inputs[needed]
        try:
            answers: pd.DataFrame = self.model.predict(inputs)
        except MlflowException as error:
            # MLflow quotes the whole input before it says what is wrong with it.
            raise UserError(error.message.rpartition("Error: ")[2]) from None
        return answers


def open_model(uri: str, task: Task, name: str | None) -> OpenedModel:
    """The champion; or the version, alias, or MLflow address `name`. Raises RegistryError."""
    import mlflow

    address = find_model(uri, task.name, name)
    try:
        model = mlflow.pyfunc.load_model(address)
        tags = _tags(uri, address)
    except Exception as error:  # whatever a store elsewhere, or what speaks to it, answers
        why = str(error) or type(error).__name__
        raise RegistryError(f"{address} cannot be loaded: {why}") from None
    if model.metadata.get_input_schema() is None:
        raise RegistryError(f"{address} does not say what it takes: it is no model of `promote`")
    return OpenedModel(address=address, model=model, tags=tags)


def typed_inputs(task: Task, arguments: Sequence[str]) -> Any:
    """Inputs from the command line: an array, or columns by name. Raises UserError."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            inputs = task.model_module().typed(arguments)
        except ValueError as error:
            raise UserError(first_line(error)) from None
    for warning in caught:
        print(f"note: {warning.message}", file=sys.stderr)
    return inputs


def _tags(uri: str, address: str) -> dict[str, str]:
    """Of a registered version; none if the address names no such one."""
    import mlflow

    name, _, version = address.removeprefix("models:/").rpartition("/")
    if not (address.startswith("models:/") and name and version.isdigit()):
        return {}
    found: dict[str, str] = mlflow.MlflowClient(uri).get_model_version(name, version).tags
    return found
