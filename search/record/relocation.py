"""A study goes on elsewhere or otherwise: other workers, another storage, another MLflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.record.record import Record
from search.record.study import Study

__all__ = ["CHANGEABLE", "relocate"]

# Fields of StudyConfig that may change: where, how and how long a study runs, not what it is.
CHANGEABLE = (
    "workers",
    "storage",
    "tracking_uri",
    "trial_timeout_s",
    "until",
    "stop_when_no_gain",
    "budget_epochs",
)


def relocate(record: Record, study: Study, changed: Mapping[str, Any]) -> Study:
    """The study with other values of fields of CHANGEABLE, on record. A new storage gets its files
    first. Raises StorageError; StudyLockedError while it is driven."""
    assert set(changed) <= set(CHANGEABLE)
    moved = dataclasses.replace(study, config=dataclasses.replace(study.config, **changed))
    with record.driver_lock(study.name):
        if moved.config.storage != study.config.storage:
            record.files(study).fetch_all()
            record.files(moved).upload_all()
        record.update_config(moved)
    return moved
