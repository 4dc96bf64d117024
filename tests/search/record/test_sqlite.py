"""What the record promises on SQLite: what its file may be, durable commits."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from search.errors import RecordError
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.search.studies import scored, session
from tests.waiting import Stopwatch


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


@pytest.fixture
def study(record: Record) -> Study:
    return record.create(StudyConfig(name="s", task="curve", dataset="ones"), {})


def test_a_missing_folder_is_reported_and_not_made(tmp_path):
    with pytest.raises(RecordError, match=r"no studies in .*search run TASK.*--studies-dir"):
        open_record(tmp_path / "nowhere")

    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "taken").write_text("a file in the folder's place")

    with pytest.raises(RecordError, match=r"taken/record.db cannot be used: .*writable"):
        open_record(tmp_path / "taken", create=True)


def test_a_file_that_is_no_database_is_reported_and_left_as_it_is(tmp_path):
    (tmp_path / "record.db").write_bytes(b"no database" * 1000)

    with pytest.raises(RecordError, match=r"record.db .*not a database"):
        open_record(tmp_path)
    assert (tmp_path / "record.db").read_bytes() == b"no database" * 1000


def test_a_database_damaged_inside_is_reported(record, study):
    """Its first page is whole, so that it opens; the events are what is lost."""
    for _ in range(20):
        record.append(study, session("started"))
    path = record.folder / "record.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(RecordError, match=r"record.db .*(malformed|not a database)"):
        open_record(record.folder).study("s")


def test_a_commit_is_durable(record):
    """WAL, so that readers do not wait; FULL, so that a commit survives a power cut."""
    with record._database.engine.connect() as connection:
        pragmas = {
            name: connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_reader_does_not_wait_for_a_writer(record, study):
    record.append(study, *scored({1: 0.1}))
    writer = sqlite3.connect(record.folder / "record.db")
    writer.execute("BEGIN IMMEDIATE")
    try:
        stopwatch = Stopwatch()
        assert len(open_record(record.folder).events(study)) == 4
        assert stopwatch.within(5)  # a writer waits up to 30 s
    finally:
        writer.close()


def test_a_record_that_is_missing_beside_studies_is_not_begun_anew(record, study):
    with record.driver_lock("s"):
        pass
    for path in record.folder.glob("record.db*"):
        path.unlink()

    for create in (False, True):
        with pytest.raises(RecordError, match=r"record.db is missing, though .* from a copy"):
            open_record(record.folder, create=create)
    assert not (record.folder / "record.db").exists()


def test_a_file_that_is_moved_away_for_a_while_loses_nothing(record, study):
    """Somebody who looks meanwhile is told, and makes none in its place: SQLite would delete what
    the moved one's write-ahead log holds."""
    record.append(study, *scored({1: 0.5}))
    file, log = record.folder / "record.db", record.folder / "record.db-wal"
    assert log.stat().st_size, "what was written last is in the log"
    looks_later = open_record(record.folder)
    looks_later._database.engine.dispose()

    away = file.rename(file.with_name("away"))
    with pytest.raises(RecordError, match=r"record\.db is gone: bring it back"):
        looks_later.studies()
    assert not file.exists()
    record.append(study, session("interrupted"))
    away.rename(file)

    for reader in (looks_later, open_record(record.folder)):
        assert reader.history(study).last_session.event == "interrupted"
        assert len(reader.history(study).trials) == 1


@pytest.mark.parametrize("name", ["a?b", "100%", "a#b", "é'ß", "a b"])
def test_a_folder_may_have_any_name(tmp_path, name):
    folder = tmp_path / name
    made = open_record(folder, create=True).create(
        StudyConfig(name="s", task="curve", dataset="ones"), {}
    )

    assert open_record(folder).studies() == [made]
    assert (folder / "record.db").stat().st_size
