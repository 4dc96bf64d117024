"""The commands that move a study from one record to another: export, import."""

from __future__ import annotations

import argparse
from pathlib import Path

import search
from search.cli.common import DONE, AddCommand, add_stores, complete_study, load, where
from search.errors import ArchiveError, UserError
from search.files.typed import typed_path

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
    study = search.import_study(
        options.file,
        trust=options.trust,
        workers=options.workers,
        data_dir=options.data_dir,
        tracking_uri=options.tracking_uri,
        storage=options.storage,
        studies_dir=options.studies_dir,
        record=options.record,
    )
    for purpose, then in (("go on with it:", "resume"), ("show it in MLflow:", "sync")):
        print(f"{purpose:<19}python -m search {then} {study.name}{where(options)}")
    return DONE
