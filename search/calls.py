"""The public calls that are no study's own, beside those of search/__init__.py: several studies
compared, a study imported, points of another search, a model's answers, a look at this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.driver.study import print_line
from search.errors import ArchiveError
from search.files.defaults import default_studies_dir, default_tracking_uri
from search.files.typed import typed_path

if TYPE_CHECKING:
    import pandas as pd

    import search
    from search.tasks.config import StudyConfig
    from search.tasks.known_points import KnownPoints
    from search.tasks.task import Task

__all__ = ["compare", "doctor", "import_study", "known_points", "predict"]


def compare(
    *names: str,
    path: str | Path = "compared.html",
    studies_dir: str | Path | None = None,
    record: str | None = None,
) -> Path:
    """Write one HTML page on the studies of these names, two at least of one objective; where it
    lies. Raises UserError, OSError."""
    from search.record.record import open_record
    from search.reports.page.comparison import write_comparison

    opened = open_record(default_studies_dir(studies_dir), url=record)
    return write_comparison(opened, names, typed_path(path))


def import_study(
    file: str | Path,
    *,
    trust: bool = False,
    workers: int | None = None,
    data_dir: str | Path | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    studies_dir: str | Path | None = None,
    record: str | None = None,
    say: Callable[[str], None] = print_line,
) -> search.Study:
    """Put a study on record here that `study.export()` has written there. `trust`: though its task
    is a module that a resume imports, and so code that it runs. Raises UserError."""
    from search.files.storage import check_storage
    from search.files.typed import typed_storage
    from search.record.archive import import_study as take_in
    from search.record.record import open_record
    from search.reports.table import write_table
    from search.tracking.addresses import absolute

    anew: dict[str, Any] = {
        "tracking_uri": absolute(tracking_uri or default_tracking_uri()),
        "data_dir": str(typed_path(data_dir).resolve()) if data_dir else None,
        "storage": storage and typed_storage(storage),
    }
    check_storage(anew["storage"])
    if workers is not None:
        anew["workers"] = workers
    opened = open_record(default_studies_dir(studies_dir), url=record, create=True)
    check = _ignore if trust else _refuse_foreign_code
    study, contents = take_in(opened, typed_path(file), anew, check)
    write_table(opened, study)
    say(f"study {study.name} is on record here, {contents}")
    from search import Study

    return Study(opened, study)


def known_points(source: str | Path, study: str | None = None) -> KnownPoints:
    """What another search has tried: of a study of Optuna at "optuna:URL" (`study`: its name, where
    there are several), or of a file that `import --from` has written. Raises UserError."""
    from search.tasks.known_points import read_points
    from search.tracking.export import OPTUNA
    from search.tracking.optuna_import import import_points

    if str(source).startswith(OPTUNA):
        return import_points(str(source), study)[0]
    return read_points(typed_path(source))


def predict(
    task: str | Task, inputs: Any, *, model: str | None = None, tracking_uri: str | None = None
) -> pd.DataFrame:
    """A registered model's answers, a row an input. `inputs`: an array, a table, or rows as tuples,
    as the task's model takes them. `model`: version, alias or MLflow address; None: the champion.
    Raises UserError."""
    from search.models.predict import open_model
    from search.tasks.registry import find_task
    from search.tracking.addresses import absolute, check_server

    found = find_task(task) if isinstance(task, str) else task
    uri = absolute(tracking_uri or default_tracking_uri())
    check_server(uri)
    return open_model(uri, found, model).predict(inputs)


def doctor(
    task: str | Task | None = None,
    *,
    data_dir: str | Path | None = None,
    tracking_uri: str | None = None,
    studies_dir: str | Path | None = None,
    record: str | None = None,
) -> pd.DataFrame:
    """This machine before a study, a row a check: light (green, yellow, red), subject, found, fix.
    `task`: its data, too. Raises UserError where there is no such task."""
    import pandas as pd

    from search.checks.machine_checks import examine
    from search.tasks.registry import find_task
    from search.tracking.addresses import absolute

    findings = examine(
        find_task(task) if isinstance(task, str) else task,
        studies_dir=default_studies_dir(studies_dir),
        record=record,
        tracking_uri=absolute(tracking_uri or default_tracking_uri()),
        data_dir=typed_path(data_dir) if data_dir else None,
        ray=True,
    )
    return pd.DataFrame([vars(finding) for finding in findings])


def _ignore(config: StudyConfig) -> None:
    """Whoever made the archive is trusted."""


def _refuse_foreign_code(config: StudyConfig) -> None:
    """The archive is somebody else's, and what it names is imported by whoever goes on with it."""
    from search.tasks.own_names import is_own
    from search.tasks.registry import module_file

    for named in (config.task, config.sampler, config.scheduler):
        if not is_own(named):
            continue
        module = named.partition(":")[0]
        file = module_file(module)
        where = f"here {file}" if file else "which is not here"
        raise ArchiveError(
            f"study {config.name} is of {named}, and to go on with it runs module "
            f"{module} ({where}): look at that, then import with --trust"
        )
