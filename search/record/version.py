"""The version of the record's tables: written when they are made, read when a record is opened.

A record that tells none was made before there was a version, and is of version 1. One that is older
stays as it is: what its tables have no room for is not kept.

2: `epochs.usage`.
"""

from __future__ import annotations

import sqlalchemy as sa

from search.errors import RecordError
from search.record.schema import epochs, schema, schema_version

__all__ = ["VERSION", "check_version", "make_tables", "missing_columns", "tables_exist"]

VERSION = 2


def check_version(connection: sa.Connection, location: str) -> None:
    """Raises RecordError if a newer version of this project made the record at `location`."""
    if not sa.inspect(connection).has_table(schema_version.name):
        return
    version = connection.execute(sa.select(sa.func.max(schema_version.c.version))).scalar()
    if version is not None and version > VERSION:
        raise RecordError(
            f"the record in {location} is of version {version}, and this version of search reads "
            f"{VERSION}: install the newer one, or name another record"
        )


def missing_columns(connection: sa.Connection) -> frozenset[str]:
    """Of `epochs`, those that an older record has not."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(epochs.name)}
    return frozenset(set(epochs.c.keys()) - there)


def tables_exist(connection: sa.Connection) -> bool:
    """Whether all tables are there; an old record has none for its version."""
    names = {*sa.inspect(connection).get_table_names(), schema_version.name}
    return all(table.name in names for table in schema.sorted_tables)


def make_tables(connection: sa.Connection) -> None:
    """Those that are not there, and the version, in the connection's transaction."""
    for table in schema.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    if connection.execute(sa.select(schema_version.c.version)).first() is None:
        connection.execute(sa.insert(schema_version), {"version": VERSION})
