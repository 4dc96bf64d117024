"""A study for elsewhere: another record, a notebook, a spreadsheet, Optuna."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.errors import ArchiveError, UserError
from search.files.typed import typed_path
from search.record.archive import export_study
from search.record.record import Record, Study
from search.reports.recorded_task import RecordedTask, shown_task
from search.tasks.registry import find_task
from search.tasks.task import Task

__all__ = ["OPTUNA", "export"]

OPTUNA = "optuna:"  # so begins an address that is Optuna's
_FORMS = ("tar", "parquet", "csv")

Say = Callable[[str], None]


def export(
    record: Record, study: Study, task: Task | None, to: str, *, output: str | Path | None, say: Say
) -> Path | str:
    """Write it, and give the file or Optuna's address. `task`: where it is known already.

    `say`: takes a line for a person. Raises UserError, OSError.
    """
    if to.startswith(OPTUNA):
        if output is not None:
            raise UserError(f"--output goes with {', '.join(_FORMS)}; {to} says where itself")
        return _to_optuna(record, study, task, to.removeprefix(OPTUNA), say)
    if to not in _FORMS:
        raise UserError(f"--to must be one of {', '.join(_FORMS)} or optuna:URL, got {to!r}")
    path = typed_path(output or f"{study.name}.{to}")
    if to == "tar":
        say(f"{path}: study {study.name}, {export_study(record, study, path)}")
    else:
        shown = None if to == "parquet" else task or shown_task(record, study)
        say(f"{path}: study {study.name}, {_write_table(record, study, shown, path)}")
    return path


def _to_optuna(record: Record, study: Study, task: Task | None, address: str, say: Say) -> str:
    from search.tracking.optuna_export import export_to_optuna

    try:
        task = task or find_task(study.config.task)
    except UserError as error:
        task = shown_task(record, study)
        say(f"the ranges are those of the values tried, as the task is not here: {error}")
    known = not isinstance(task, RecordedTask)
    done = export_to_optuna(record, study, task, address, space_known=known)
    say(f"{address}: Optuna study {study.name}, {done}")
    return address


def _write_table(record: Record, study: Study, task: Task | None, path: Path) -> str:
    """Whole or not at all; what is in it. `task`: of a table that has a row a trial."""
    if path.exists():
        raise ArchiveError(f"{path} is there already: choose another --output")
    if not path.absolute().parent.is_dir():
        raise ArchiveError(f"there is no folder {path.parent} for {path.name}")
    partial = path.with_name(f"{path.name}.partial")
    try:
        if task is None:
            import pyarrow.parquet

            from search.reports.table import table

            rows = table(record, study)
            pyarrow.parquet.write_table(rows, partial)
        else:
            from search.reports.trials import trials_table

            rows = trials_table(record, study, task)
            rows.to_csv(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return f"{len(rows)} rows, one {'an epoch' if task is None else 'a trial'}"
