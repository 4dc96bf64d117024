"""A promotion's models as sealed folders, until they are registered."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from search.decisions.history import Trial
from search.errors import StudyLockedError
from search.models.exporting import export_trial
from search.promotion.phases import Promotion
from search.record.record import Study

__all__ = ["Exported", "export_run", "models_folder"]


@contextlib.contextmanager
def models_folder(promotion: Promotion, phase: Study) -> Iterator[Path]:
    """An empty folder for models, whatever a killed promotion left there; one process at a time."""
    folder = promotion.record.study_folder(phase.name) / "models"
    try:
        with FileLock(f"{folder}.lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise StudyLockedError(f"{promotion.study.name} is being promoted already") from None


@dataclass(frozen=True, kw_only=True)
class Exported:
    folder: Path
    hash: str


def export_run(promotion: Promotion, study: Study, run: Trial, models: Path) -> Exported:
    """The run's model, sealed, in a folder of its own. Raises LostCheckpointError."""
    folder = models / f"{study.name}-{run.number}"
    where = (promotion.record, study, promotion.task, promotion.data)
    return Exported(folder=folder, hash=export_trial(*where, run, folder, "promote again"))
