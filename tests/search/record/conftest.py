"""Records to move a study between, and one on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.record.record import Record, Study, open_record
from tests.postgres import PostgresServer
from tests.search.record.small import ORIGIN, config


@pytest.fixture
def laptop(tmp_path: Path) -> Record:
    return open_record(tmp_path / "laptop", create=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Record:
    return open_record(tmp_path / "cluster", create=True)


@pytest.fixture
def server(tmp_path: Path, postgres: PostgresServer) -> Record:
    return open_record(tmp_path / "server", url=postgres.database(), create=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Of an empty database; None: a file of the studies folder."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def record(url: str | None, tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", url=url, create=True)


@pytest.fixture
def study(record: Record) -> Study:
    return record.create(config("s"), ORIGIN)
