"""Where things are kept when nothing is said: what the environment says, else beside the user."""

from __future__ import annotations

import os
from pathlib import Path

from search.files.typed import typed_path

__all__ = ["default_studies_dir", "default_tracking_uri"]


def default_studies_dir(given: str | Path | None = None) -> Path:
    """`given`, where it is."""
    return typed_path(given or os.environ.get("SEARCH_STUDIES_DIR") or "studies")


def default_tracking_uri() -> str:
    """MLflow's store."""
    return os.environ.get("SEARCH_TRACKING_URI") or "sqlite:///mlflow.db"
