"""The record's tables, the same in every database.

A study's events carry its running sequence number, so that a reader can follow with a cursor. Only
its driver writes them; the number, part of the primary key, cannot be given twice.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from search.decisions.history import EpochEnd, Event, Failure, Segment, Session, Suggestion

__all__ = ["EVENTS", "epochs", "readings", "requests", "schema", "schema_version", "studies"]

schema = sa.MetaData()
schema_version = sa.Table(  # one row: version.py
    "schema_version",
    schema,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)
studies = sa.Table(
    "studies",
    schema,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(110), nullable=False, unique=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("origin", sa.JSON, nullable=False),
)


def _events(name: str, *columns: sa.Column[Any], unique: tuple[str, ...] = ()) -> sa.Table:
    return sa.Table(
        name,
        schema,
        sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),  # seconds since the Unix epoch, UTC
        *columns,
        *([sa.UniqueConstraint("study_id", *unique)] if unique else []),
    )


def _integer(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False)


suggestions = _events(
    "suggestions",
    _integer("trial"),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    unique=("trial",),
)
segments = _events(
    "segments",
    _integer("trial"),
    _integer("attempt"),
    _integer("first_epoch"),
    _integer("last_epoch"),
)
epochs = _events(
    "epochs",
    _integer("trial"),
    _integer("attempt"),
    _integer("epoch"),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("cpu_s", sa.Float, nullable=False),
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("reset_s", sa.Float, nullable=False),
    sa.Column("decision", sa.String(20), nullable=False),
    sa.Column("usage", sa.JSON(none_as_null=True)),  # since version 2 of the tables
    unique=("trial", "epoch"),
)
failures = _events(
    "failures",
    _integer("trial"),
    _integer("attempt"),
    _integer("epoch"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("traceback", sa.Text, nullable=False),
    sa.Column("counts", sa.Boolean, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    unique=("trial", "attempt"),
)
sessions = _events(
    "sessions",
    sa.Column("event", sa.String(20), nullable=False),
    _integer("trials"),
    sa.Column("details", sa.JSON, nullable=False),
)
requests = sa.Table(  # the only table that others than the driver write to
    "requests",
    schema,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.ForeignKey("studies.id"), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("request", sa.String(20), nullable=False),
)
readings = sa.Table(  # of test splits; outlives the studies that it names
    "test_readings",
    schema,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("model_hash", sa.String(64), nullable=False),
    sa.Column("split_hash", sa.String(64), nullable=False),
    sa.Column("study", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.UniqueConstraint("model_hash", "split_hash"),
)
EVENTS: dict[type[Event], sa.Table] = {
    Suggestion: suggestions,
    Segment: segments,
    EpochEnd: epochs,
    Failure: failures,
    Session: sessions,
}
