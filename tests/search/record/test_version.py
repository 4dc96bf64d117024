"""A record of another version: an older one opens, and is left as it is; a newer one is refused."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from search.errors import RecordError
from search.record import schema
from search.record.record import open_record
from tests.search.studies import epoch, segment, session, suggestion

USAGE = {"memory_mib": 123.5, "gpu_percent": 97.0}
EVENTS = [
    session("started", 1),
    suggestion(0, x=0.5),
    segment(0, 1, 2),
    dataclasses.replace(epoch(0, 1, 0.5), usage=USAGE),
    epoch(0, 2, 0.6),  # as of a driver that has not measured it
]


def test_what_an_epoch_used_is_on_record(record, study):
    record.append(study, *EVENTS)
    first, second = record.history(study).trials[0].epochs
    assert (first.usage, second.usage) == (USAGE, {})


def test_an_older_record_keeps_all_but_that(record, study):
    with record._database.connect(write=True) as connection:
        connection.execute(sa.text("ALTER TABLE epochs DROP COLUMN usage"))
        connection.execute(sa.text("UPDATE schema_version SET version = 1"))
    older = open_record(record.folder, url=record.url)
    older.append(study, *EVENTS)
    for reader in (older, open_record(record.folder, url=record.url)):
        [trial] = reader.history(study).trials
        assert [(e.metrics["score"], e.usage) for e in trial.epochs] == [(0.5, {}), (0.6, {})]


def test_a_record_of_a_newer_version_is_refused(record, study):
    with record._database.connect(write=True) as connection:
        connection.execute(sa.update(schema.schema_version).values(version=99))

    for create in (False, True):
        with pytest.raises(RecordError, match="is of version 99, and this version of search reads"):
            open_record(record.folder, url=record.url, create=create)


def test_a_record_that_tells_no_version_opens_and_is_left_as_it_is(record, study):
    with record._database.connect(write=True) as connection:
        schema.schema_version.drop(connection)

    reopened = open_record(record.folder, url=record.url)

    assert reopened.studies() == [study]
    with reopened._database.connect() as connection:
        assert not sa.inspect(connection).has_table("schema_version")
