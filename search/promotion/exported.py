"""A promotion's models as sealed folders, until they are registered."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from search.decisions.history import Trial
from search.errors import RecordError, StudyLockedError
from search.promotion.phases import Promotion
from search.record.commands import command
from search.record.record import Study

__all__ = ["Exported", "LostCheckpointError", "export_run", "models_folder"]


class LostCheckpointError(RecordError):
    """A run has no model any more."""


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
    from trainables import export

    found = promotion.record.files(study).load_checkpoint(run.number, run.epoch)
    if found is None or found[0] != run.epoch:
        raise LostCheckpointError(
            f"the checkpoint of {study.name}, trial {run.number}, is lost or damaged: "
            f"`{command(promotion.record, f'delete {study.name}')}`, then promote again"
        )
    task = promotion.task
    target = models / f"{study.name}-{run.number}"
    target.mkdir()
    task.model_module().export(
        task.config(**run.suggestion.config), promotion.data, found[1], target
    )
    return Exported(folder=target, hash=export.verify(target))
