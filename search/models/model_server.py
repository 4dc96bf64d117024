"""The code of a registered model: MLflow runs this file where the model is loaded.

The model itself is a sealed folder of plain files (trainables/export.py); nothing is pickled.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from trainables.export import DESCRIPTION, verify


class Served(PythonModel):  # type: ignore[misc]
    """Answers with the columns of a task's model."""

    def load_context(self, context: PythonModelContext) -> None:
        """Raises AlteredError if a file is not the one that was registered."""
        folder = Path(context.artifacts["model"])
        self.hash = verify(folder)
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        self.model = importlib.import_module(description["module"]).load(folder)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,  # or an array: MLflow has no hint for what the signature says
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        return pd.DataFrame(self.model.answer(model_input))


mlflow.models.set_model(Served())
