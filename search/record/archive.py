"""A study in one file, to move it from one record to another: laptop, cluster, and back.

A tar of an index (archive_index.py) and the study's files. An archive is somebody else's until it
is checked: nothing in it is executed, and only regular files that its index names are taken out of
it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from search.errors import ArchiveError, RecordError
from search.record.archive_index import Contents, moves, read_index, write_index
from search.record.commands import command
from search.record.record import Record
from search.record.study import Study, StudyWithEvents
from search.record.study_names import check_name
from search.tasks.config import StudyConfig
from search.tasks.registry import is_imported_from

__all__ = ["export_study", "import_study"]

INDEX = "study.jsonl"
_CHUNK = 2**20  # bytes


def export_study(record: Record, study: Study, output: Path) -> Contents:
    """Write the archive, whole or not at all. A study that is driven is refused: its files and its
    record would not be of one moment. Raises ArchiveError, RecordError, StorageError, OSError."""
    if study.config.parent is not None:
        raise RecordError(f"{study.name} is part of a promotion: export {study.config.parent}")
    if output.exists():
        raise ArchiveError(f"{output} is there already: choose another --output")
    family = _with_promotion(record, study)
    for member in family:
        record.files(member.study).fetch_all()
    contents = Contents(
        studies=family,
        readings=record.ledger.readings(study.ledger_name),
        files=_files(record, family),
    )
    if not output.absolute().parent.is_dir():
        raise ArchiveError(f"there is no folder {output.parent} for {output.name}")
    partial = output.with_name(f"{output.name}.partial")
    try:
        with partial.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            index = write_index(contents)
            _add(tar, INDEX, len(index), io.BytesIO(index))
            for name, (size, _) in contents.files.items():
                with (record.folder / name).open("rb") as source:
                    _add(tar, name, size, source)
            tar.close()
            os.fsync(file.fileno())
        if _with_promotion(record, study) != family:
            raise RecordError(f"study {study.name} went on meanwhile: stop it, then export it")
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return contents


def import_study(
    record: Record,
    path: Path,
    overrides: Mapping[str, Any],
    check_task: Callable[[StudyConfig], None] = lambda config: None,
) -> tuple[Study, Contents]:
    """Put the archive's studies on record, all or none, with their files.

    `overrides`: fields of StudyConfig that say where a study lives, in place of the archive's own.
    `check_task`: raises a UserError for a task that must not be named here.
    Raises ArchiveError, RecordError, StorageError, OSError.
    """
    if not path.is_file():
        raise ArchiveError(f"there is no file {path}: `python -m search export NAME` makes one")
    record.folder.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        members = _members(path, file)
        contents = _first_member(path, members, overrides)
        for member in contents.studies:
            check_task(member.study.config)
        _check_room(record, contents)
        with tempfile.TemporaryDirectory(dir=record.folder, prefix=".import-") as scratch:
            _unpack(path, members, contents, Path(scratch))
            for member in contents.studies:
                record.files(member.study, Path(scratch) / member.study.name).upload_all()
            names = [member.study.name for member in contents.studies]
            with _moved(record, names, Path(scratch)):
                record.add_studies(contents.studies, contents.readings)
    return record.study(contents.studies[0].study.name), contents


# Out of a record -------------------------------------------------------------------------------


def _with_promotion(record: Record, study: Study) -> list[StudyWithEvents]:
    """The study and those of its promotion, none of them driven."""
    family = record.with_promotion(study)
    for member in family:
        if record.driven(member.name):
            raise RecordError(
                f"study {member.name} is being driven: "
                f"`{command(record, f'stop {member.name}')}`, then export it"
            )
    return [StudyWithEvents(study=member, events=tuple(record.events(member))) for member in family]


def _files(record: Record, family: Sequence[StudyWithEvents]) -> dict[str, tuple[int, str]]:
    files = {}
    for name in (member.study.name for member in family):
        for path in sorted(record.study_folder(name).rglob("*")):
            inside = path.relative_to(record.folder).as_posix()
            if path.is_file() and not path.is_symlink() and moves(inside, name):
                files[inside] = (path.stat().st_size, _sha256(path))
    return files


def _add(tar: tarfile.TarFile, name: str, size: int, source: Any) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    tar.addfile(entry, source)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Into a record ---------------------------------------------------------------------------------


def _members(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Each regular file's name and content, as they come; anything else is refused."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for entry in tar:
                if not entry.isreg() or entry.issparse():
                    raise ArchiveError(f"{path} is refused: {entry.name!r} is no regular file")
                yield entry.name, tar.extractfile(entry)
    except (ArchiveError, GeneratorExit):
        raise
    except Exception as error:  # whatever damage makes of tarfile
        raise _damaged(path, error) from error


def _damaged(path: Path, error: object) -> ArchiveError:
    return ArchiveError(f"{path} is damaged, or no archive of `export`: {error}")


def _first_member(
    path: Path, members: Iterator[tuple[str, Any]], overrides: Mapping[str, Any]
) -> Contents:
    name, content = next(members, ("", None))
    if content is None or name != INDEX:
        raise _damaged(path, f"it does not begin with {INDEX}")
    try:
        return read_index(content.read(), overrides)
    except ArchiveError as error:
        raise ArchiveError(f"{path} is refused: {error}") from None
    except Exception as error:  # somebody else's bytes: whatever they make of our types
        raise _damaged(path, error or type(error).__name__) from error


def _check_room(record: Record, contents: Contents) -> None:
    names = record.names()
    for member in contents.studies:
        study, folder = member.study, record.study_folder(member.study.name)
        if study.name in names:
            raise RecordError(
                f"a study named {study.name!r} exists here: import into another --studies-dir, or "
                f"`{command(record, f'delete {study.name}')}` first"
            )
        check_name(study.config, record.folder, names)
        if folder.exists() and any(path.name != "driver.lock" for path in folder.iterdir()):
            raise RecordError(f"{folder} is in the way, though no study of this record: move it")
        if record.files(study).is_in_storage():
            raise RecordError(
                f"{study.config.storage} holds files of this very study, another record's or of an "
                f"import that was broken off: import with another --storage, or delete "
                f"studies/{record.files(study).name} there"
            )
        if is_imported_from(study.config.task, record.folder):
            raise RecordError(
                f"task {study.config.task} of study {study.name} lies in the studies folder "
                f"{record.folder}: code is never run from there; move it"
            )
    needed, free = sum(n for n, _ in contents.files.values()), shutil.disk_usage(record.folder).free
    if needed > free:
        raise OSError(f"{record.folder} has {free} bytes free, the archive's files need {needed}")


def _unpack(
    path: Path, members: Iterator[tuple[str, Any]], contents: Contents, folder: Path
) -> None:
    """Every file that the index names, checked; no other."""
    missing = dict(contents.files)
    for name, content in members:
        if name not in missing:
            raise _damaged(path, f"{name!r} is twice in it, or not in its index")
        size, digest = missing.pop(name)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _copied(path, content, target, size) != digest:
            raise _damaged(path, f"{name} is not what was written")
    if missing:
        raise _damaged(path, f"{len(missing)} files are missing, as {next(iter(missing))}")


def _copied(path: Path, content: Any, target: Path, size: int) -> str:
    """SHA-256 of what was written to `target`; one byte more than `size` is the most."""
    digest, left = hashlib.sha256(), size + 1
    with target.open("wb") as file:
        while left:
            try:
                chunk = content.read(min(_CHUNK, left))
            except (tarfile.TarError, ValueError, EOFError) as error:
                raise _damaged(path, error) from error
            if not chunk:
                break
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


@contextlib.contextmanager
def _moved(record: Record, names: Sequence[str], scratch: Path) -> Iterator[None]:
    """All files are in their places; taken back if the block raises."""
    moved = []
    try:
        for name in names:
            (scratch / name).mkdir(exist_ok=True)
            record.study_folder(name).mkdir(exist_ok=True)
            for source in (scratch / name).iterdir():
                moved.append(source.rename(record.study_folder(name) / source.name))
        yield
    except BaseException:
        for target in moved:
            shutil.rmtree(target)
        raise
