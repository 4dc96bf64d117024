"""What the record promises on PostgreSQL only: who is let in, what is said, whose lock it is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from search.errors import RecordError, StudyLockedError, UnreachableError
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.postgres import PostgresServer, postgres_server
from tests.search.studies import epoch, failure, segment, session, suggestion
from tests.waiting import Stopwatch


@pytest.fixture
def record(postgres: PostgresServer, tmp_path: Path) -> Record:
    return open_record(tmp_path, url=postgres.database(), create=True)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """One to stop and start."""
    with postgres_server() as server:
        yield server


def _config(name: str) -> StudyConfig:
    return StudyConfig(name=name, task="curve", dataset="ones")


def test_the_database_is_named_by_the_environment_where_no_url_is_given(record, monkeypatch):
    record.create(_config("s"), {})
    monkeypatch.setenv("SEARCH_RECORD", record.url)

    assert open_record(record.folder).study("s").name == "s"
    assert not (record.folder / "record.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1/x",
        "postgresql://me@127.0.0.1/x?password=s3cret",
        "postgresql://:s3cret@127.0.0.1/x",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url, tmp_path):
    with pytest.raises(RecordError, match=r"holds a password.*\.pgpass") as refused:
        open_record(tmp_path, url=url)

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["mysql://h/x", "sqlite:///x.db", "postgres://me:s3cret@h/x", "x", "postgresql://h:p/x"]
)
def test_another_url_is_refused(url, tmp_path):
    with pytest.raises(
        RecordError, match=r"must be postgresql://USER@HOST:PORT/DATABASE"
    ) as refused:
        open_record(tmp_path, url=url)

    assert "s3cret" not in str(refused.value)


def test_a_server_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(RecordError, match=r"127.0.0.1:9/x does not answer: .*refused.*Start") as e:
        open_record(tmp_path, url="postgresql://me@127.0.0.1:9/x", create=True)

    assert "\n" not in str(e.value)


def test_a_missing_database_and_an_unknown_user_are_reported(postgres, tmp_path):
    with pytest.raises(RecordError, match=r'"nowhere" does not exist.*createdb'):
        open_record(tmp_path, url=postgres.url("nowhere"), create=True)
    with pytest.raises(RecordError, match=r'"nobody" does not exist. Name a user'):
        open_record(tmp_path, url=postgres.url("postgres", user="nobody"), create=True)


def test_a_password_is_taken_from_pgpass_and_a_wrong_one_reported(postgres, tmp_path, monkeypatch):
    url = postgres.guarded_database(password="right")
    passwords = tmp_path / "pgpass"
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    for password, mend in (("wrong", "password authentication failed"), ("right", "")):
        passwords.write_text(f"127.0.0.1:{postgres.port}:*:*:{password}\n")
        passwords.chmod(0o600)
        if mend:
            with pytest.raises(RecordError, match=f"{mend}.*pgpass"):
                open_record(tmp_path, url=url, create=True)
    assert open_record(tmp_path, url=url, create=True).studies() == []

    passwords.unlink()
    with pytest.raises(RecordError, match=r"no password supplied.*pgpass"):
        open_record(tmp_path, url=url)


def test_a_database_without_tables_says_run_and_is_left_as_it_is(postgres, tmp_path):
    url = postgres.database()

    for _ in range(2):
        with pytest.raises(RecordError, match=r"no studies in postgresql:.*search run.*--record"):
            open_record(tmp_path, url=url)


def test_a_user_without_rights_gets_an_error(postgres, record, tmp_path):
    postgres.execute("CREATE ROLE reader LOGIN")
    url = record.url.replace("tester", "reader")

    with pytest.raises(RecordError, match=r"cannot be used: permission denied.*needs the right"):
        open_record(tmp_path, url=url).studies()


def test_a_commit_is_durable_and_a_dead_machine_noticed(record):
    with record._database.connect() as connection:
        query = sa.text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
        names = ["synchronous_commit", "tcp_keepalives_idle", "tcp_keepalives_count"]
        settings = {row.name: row.setting for row in connection.execute(query, {"names": names})}

    expected = {"synchronous_commit": "on", "tcp_keepalives_idle": "10"}
    assert settings == {**expected, "tcp_keepalives_count": "3"}


def test_text_of_any_kind_is_kept_whatever_the_database_s_encoding(postgres, tmp_path):
    record = open_record(tmp_path, url=postgres.database("SQL_ASCII"), create=True)
    study = record.create(_config("s"), {"versions": {"ü": "→ 1"}})
    events = [session("started"), suggestion(0, name="é\0"), failure(0, 1)]
    record.append(study, *events)

    reopened = open_record(tmp_path, url=record.url)
    assert reopened.study("s").origin == {"versions": {"ü": "→ 1"}}
    assert [event for _, _, event in reopened.events(study)] == events


def test_whoever_is_refused_hears_which_process_drives(record):
    record.create(_config("s"), {})
    other = open_record(record.folder, url=record.url)
    whose = f"search {socket.gethostname()[:20]}:{os.getpid()}"

    with (
        record.driver_lock("s"),
        pytest.raises(StudyLockedError, match=rf"another process \({whose}\);"),
        other.driver_lock("s"),
    ):
        pass


# An outage.


def test_a_driver_that_lost_its_lock_to_another_writes_no_more(record):
    """Its connection broke while it was silent, and another took the study."""
    with _losing_its_lock(record) as (study, other), other.driver_lock("s"):
        other.append(study, session("started"))
        with pytest.raises(StudyLockedError, match="another process"):
            record.append(study, suggestion(0), segment(0, 1, 1))
    assert [event for _, _, event in record.events(study)] == [session("started")] * 2


def test_a_driver_finds_out_that_another_came_and_went(record):
    """What it adds would have the numbers of the other's events."""
    with _losing_its_lock(record) as (study, other):
        with other.driver_lock("s"):
            other.append(study, session("started"))
        with pytest.raises(StudyLockedError, match="another driver has worked on the study"):
            record.append(study, suggestion(0), segment(0, 1, 1), epoch(0, 1, 0.5))
        assert record.unwritten == 3
    assert record.unwritten == 0
    assert [event for _, _, event in record.events(study)] == [session("started")] * 2


def test_a_driver_that_took_its_lock_again_finds_out_too(record):
    """It had nothing to write while another came and went."""
    with _losing_its_lock(record) as (study, other):
        with other.driver_lock("s"):
            other.append(study, session("started"))
        record.keep_lock()
        with pytest.raises(StudyLockedError, match="another driver has worked on the study"):
            record.append(study, suggestion(0))
    assert [event for _, _, event in record.events(study)] == [session("started")] * 2


def test_a_broken_connection_costs_a_driver_nothing(record):
    with _losing_its_lock(record) as (study, other):
        record.append(study, suggestion(0))
        assert record.unwritten == 0
        assert other.driven("s")
        _break_connections(record)
        assert not other.driven("s")
        record.keep_lock()
        assert other.driven("s")
    assert not other.driven("s")
    assert len(record.events(study)) == 2


def test_a_lost_answer_doubles_nothing(record):
    """The server commits, and its answer does not arrive."""
    study = record.create(_config("s"), {})
    with record.driver_lock("s"):
        record.append(study, session("started"))
        driver = record._database._driving.connection.connection.dbapi_connection
        commit = driver.commit

        def committed_but_broken() -> None:
            commit()
            driver.close()
            raise psycopg.OperationalError("the connection is lost")

        driver.commit = committed_but_broken
        record.append(study, suggestion(0), segment(0, 1, 1))
        record.append(study, epoch(0, 1, 0.5))

    assert [sequence for sequence, _, _ in record.events(study)] == [1, 2, 3, 4]


def test_a_server_that_is_gone_for_a_while_loses_nothing(own_postgres, tmp_path):
    record = open_record(tmp_path, url=own_postgres.database(), create=True)
    study = record.create(_config("s"), {})
    with record.driver_lock("s"):
        events = [session("started"), suggestion(0), segment(0, 1, 2)]
        record.append(study, *events[:1])
        own_postgres.stop("immediate")
        added = record.append(study, *events[1:])
        assert [event for _, event in added] == events[1:]
        assert record.unwritten == 2
        assert not record.flush()
        with pytest.raises(UnreachableError, match="does not answer"):
            record.events(study)
        stopwatch = Stopwatch()
        for number in (1, 2):
            events.append(epoch(0, number, 0.5))
            added += record.append(study, events[-1])
        assert stopwatch.within(0.5)  # it does not knock at every door
        own_postgres.start()
        record.wait_until_written(10)
        assert record.unwritten == 0
        assert record.driven("s")

    assert [event for _, _, event in record.events(study)] == events
    assert [at for _, at, _ in record.events(study)][1:] == [at for at, _ in added]


def test_a_server_that_stays_away_is_said_at_the_end(own_postgres, tmp_path):
    record = open_record(tmp_path, url=own_postgres.database(), create=True)
    study = record.create(_config("s"), {})
    with record.driver_lock("s"):
        record.append(study, session("started"))
        own_postgres.stop()
        record.append(study, suggestion(0))
        with pytest.raises(UnreachableError, match=r"not answered for 1 s: .* last 1 events"):
            record.wait_until_written(1)
    assert record.unwritten == 0
    own_postgres.start()


def test_who_does_not_drive_hears_of_an_outage_at_once(own_postgres, tmp_path):
    record = open_record(tmp_path, url=own_postgres.database(), create=True)
    study = record.create(_config("s"), {})
    own_postgres.stop()
    for attempt in (
        lambda: record.append(study, session("started")),
        lambda: record.requests.add(study, "stop"),
        lambda: record.driven("s"),
        lambda: record.driver_lock("s").__enter__(),
    ):
        with pytest.raises(UnreachableError, match=r"does not answer: .*refused"):
            attempt()
    own_postgres.start()


@contextlib.contextmanager
def _losing_its_lock(record: Record) -> Iterator[tuple[Study, Record]]:
    """A driver whose connection breaks once it has begun; its study, and another's record."""
    study = record.create(_config("s"), {})
    with record.driver_lock("s"):
        record.append(study, session("started"))
        _break_connections(record)
        yield study, open_record(record.folder, url=record.url)


def _break_connections(record: Record) -> None:
    """From the server's side, as an administrator can."""
    with psycopg.connect(record.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
