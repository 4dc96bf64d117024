"""The commands that move a study from one record to another: export, import."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.cli.common import DONE, AddCommand, add_stores, complete_study, load, where
from search.errors import ArchiveError, UserError
from search.files.typed import typed_path

if TYPE_CHECKING:
    from search.tasks.config import StudyConfig

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    export = command("export", _export, "write a study into one file, or for another tool")
    complete_study(export.add_argument("name", metavar="NAME"))
    export.add_argument(
        "--to",
        default="tar",
        metavar="tar|parquet|csv|optuna:URL",
        help="an archive to import elsewhere (tar); a table, a row an epoch (parquet) or a row a "
        "trial (csv); a study of Optuna in optuna:sqlite:///FILE, optuna:journal:FILE or another "
        "database, which a second export brings up to date",
    )
    export.add_argument("--output", type=typed_path, metavar="FILE", help="the file (NAME.tar, …)")

    imported = command("import", _import, "put an exported study on record here")
    imported.add_argument("file", type=typed_path, metavar="FILE", nargs="?")
    imported.add_argument(
        "--from",
        dest="source",
        metavar="optuna:URL",
        help="write what a study of Optuna has tried into a file of known points instead",
    )
    imported.add_argument("--study", metavar="NAME", help="of --from, which study")
    imported.add_argument(
        "--output", type=typed_path, metavar="FILE", help="of --from, the file (NAME.points.json)"
    )
    imported.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    add_stores(imported)
    imported.add_argument(
        "--trust",
        action="store_true",
        help="though its task is a module that a resume imports, and so code that it runs",
    )
    imported.add_argument("--workers", type=int, help="trials at a time (as before)")


def _export(options: argparse.Namespace) -> int:
    load(options).export(options.to, output=options.output)
    return DONE


def _import(options: argparse.Namespace) -> int:
    if (options.file is None) == (options.source is None):
        raise UserError("import takes either a FILE that export has made, or --from optuna:URL")
    if options.source is not None:
        return _import_points(options)
    if options.study or options.output:
        raise UserError("--study and --output go with --from optuna:URL")
    return _import_archive(options)


def _import_points(options: argparse.Namespace) -> int:
    from search.tasks.known_points import write_points
    from search.tracking.optuna_import import import_points

    known, left_out = import_points(options.source, options.study)
    output = options.output or Path(f"{known.study}.points.json".replace("/", "_"))
    if output.exists():
        raise ArchiveError(f"{output} is there already: choose another --output")
    write_points(output, known)
    rest = f"; {left_out} that have not ended are left out" if left_out else ""
    print(f"{output}: Optuna study {known.study}, {known}{rest}")
    return DONE


def _import_archive(options: argparse.Namespace) -> int:
    from search.files.storage import check_storage
    from search.files.typed import typed_storage
    from search.record.archive import import_study
    from search.record.record import open_record
    from search.reports.table import write_table
    from search.tracking.addresses import absolute

    anew: dict[str, Any] = {
        "tracking_uri": absolute(options.tracking_uri),
        "data_dir": str(options.data_dir.resolve()) if options.data_dir else None,
        "storage": options.storage and typed_storage(options.storage),
    }
    check_storage(anew["storage"])
    if options.workers is not None:
        anew["workers"] = options.workers
    record = open_record(options.studies_dir, url=options.record, create=True)
    check = _ignore if options.trust else _refuse_foreign_code
    study, contents = import_study(record, options.file, anew, check)
    write_table(record, study)
    print(f"study {study.name} is on record here, {contents}")
    for purpose, then in (("go on with it:", "resume"), ("show it in MLflow:", "sync")):
        print(f"{purpose:<19}python -m search {then} {study.name}{where(options)}")
    return DONE


def _ignore(config: StudyConfig) -> None:
    """Whoever made the archive is trusted."""


def _refuse_foreign_code(config: StudyConfig) -> None:
    """The archive is somebody else's, and what it names is imported by whoever goes on with it."""
    from search.tasks.registry import NAMES, module_file

    if config.task not in NAMES:
        module = config.task.partition(":")[0]
        file = module_file(module)
        where = f"here {file}" if file else "which is not here"
        raise ArchiveError(
            f"study {config.name} is of task {config.task}, and to go on with it runs module "
            f"{module} ({where}): look at that, then import with --trust"
        )
