"""Optuna's storages by address: a database as SQLAlchemy names it, or `journal:FILE`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import UserError, first_line
from search.files.addresses import has_secret, without_secrets
from search.files.sqlite_uri import sqlite_path, sqlite_uri
from search.files.typed import typed_path

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["optuna_storage"]

_JOURNAL = "journal:"
_MOST_OF_A_LINE = 2**20  # bytes
_FORMS = "sqlite:///FILE, journal:FILE, or a database's address such as postgresql://HOST/DATABASE"


@contextlib.contextmanager
def optuna_storage(address: str, *, create: bool = False) -> Iterator[BaseStorage]:
    """The storage while the block lasts. `create`: made if it is not there; else nothing is.

    Raises UserError, also for what goes wrong in the block with the storage.
    """
    if has_secret(address):
        raise UserError(
            "an address with a password or a token in it is refused, since it would be shown: "
            f"leave it out, as {without_secrets(address)}; PostgreSQL takes it from ~/.pgpass"
        )
    import optuna
    import sqlalchemy as sa

    loudness = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    of_the_storage = (OSError, sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError)
    # A missing driver, tables of another version, a journal that is none.
    at_first = (*of_the_storage, ImportError, RuntimeError, ValueError, KeyError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            with _told(address, at_first):
                storage = _open(address, create=create)
            try:
                with _told(address, of_the_storage):
                    yield storage
            finally:
                if (engine := getattr(storage, "engine", None)) is not None:
                    engine.dispose()
    finally:
        optuna.logging.set_verbosity(loudness)


@contextlib.contextmanager
def _told(address: str, troubles: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except troubles as error:
        raise UserError(f"Optuna's storage {address}: {_why(error)}") from error


def _open(address: str, *, create: bool) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if address.startswith(_JOURNAL):
        path = typed_path(address.removeprefix(_JOURNAL))
        _check_file(path, create=create)
        _check_journal(path)
        return JournalStorage(JournalFileBackend(str(path)))
    if "://" not in address:
        raise UserError(f"Optuna's storage is {_FORMS}; got {address!r}")
    file = sqlite_path(address)
    if file is not None:
        _check_file(file, create=create)
        address = sqlite_uri(file.resolve())
    if not create:
        _check_tables(address)
    is_new = file is not None and not file.exists()
    storage = RDBStorage(address, skip_table_creation=not create)
    if is_new:
        _write_quickly(storage.engine)
    return storage


def _check_journal(path: Path) -> None:
    """Optuna would append to any file."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        first = file.readline(_MOST_OF_A_LINE)
        if first and b'"op_code"' not in first:
            raise UserError(f"{path} is no journal of Optuna's")


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir() or not path.name:
        raise UserError(f"Optuna's storage is a file; {path} is a folder")
    if not create and not path.is_file():
        raise UserError(f"there is no file {path}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"there is no folder {path.parent} for {path.name}")


def _check_tables(address: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(address)
    try:
        there = sa.inspect(engine)
        if not (there.has_table("version_info") and there.has_table("studies")):
            raise UserError(f"{address} holds no studies of Optuna")
    finally:
        engine.dispose()


def _write_quickly(engine: Any) -> None:
    """A file that holds nothing else can be made again: not each trial need be on disk before the
    next, which takes ten times as long."""
    import sqlalchemy as sa

    engine.dispose()  # what is open already would not be told
    sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))


def _why(error: BaseException) -> str:
    """Its cause in one line; SQLAlchemy's own first line names itself."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    of_the_driver = [getattr(each, "orig", None) for each in causes]
    missing = [each for each in causes if isinstance(each, ModuleNotFoundError)]
    told = next((each for each in (*of_the_driver, *missing) if each is not None), error)
    return without_secrets(first_line(told))
