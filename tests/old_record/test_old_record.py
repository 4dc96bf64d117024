"""A record that was made before the schema had a version opens: each command does its work on it.

What the archive holds is in README.md beside this file.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Place

ARCHIVE = Path(__file__).parent / "2026-11-25.tar.gz"
MADE_IN = "/tmp/oldrec"
PROMOTION = ("--top", "2", "--runs", "4", "--final-seeds", "2", "--accept-changes", "--quiet")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("old"))
    (place.folder / "mlflow.db").unlink()
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(place.folder, filter="data")
    for database in (place.folder / "mlflow.db", place.folder / "studies" / "record.db"):
        _put_paths_right(database, str(place.folder))
    for model in place.folder.glob("mlruns/*/models/*/artifacts/MLmodel"):
        model.write_text(model.read_text().replace(MADE_IN, str(place.folder)))
    return place


def _put_paths_right(database: Path, folder: str) -> None:
    with sqlite3.connect(database) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        for (table,) in tables:
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                connection.execute(
                    f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?) '
                    f'WHERE "{column}" LIKE ?',
                    (MADE_IN, folder, f"%{MADE_IN}%"),
                )
    connection.close()


def _done(place: Place, *command: str) -> str:
    done = place.search(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def resumed(place: Place) -> Place:
    """coin-stopped to its end, coin-old made longer."""
    go_on = ("--accept-changes", "--quiet")
    place.together(
        ("resume", "coin-stopped", *go_on), ("resume", "coin-old", "--trials", "8", *go_on)
    )
    return place


@pytest.fixture(scope="module")
def promoted(resumed: Place) -> Place:
    for name in ("coin-old", "coin-promoted"):
        _done(resumed, "promote", name, *PROMOTION)
    return resumed


def test_its_studies_are_listed_and_shown(place):
    listed = json.loads(_done(place, "list", "--json"))
    trial = json.loads(_done(place, "show", "coin-old", "--trial", "0", "--json"))

    assert {each["name"]: each["state"] for each in listed} == {
        "coin-old": "finished",
        "coin-promoted": "finished",
        "coin-stopped": "stopped",
    }
    assert trial["state"] == "complete"


def test_its_studies_go_on(resumed):
    for name, trials in (("coin-stopped", 8), ("coin-old", 8)):
        summary = json.loads(_done(resumed, "show", name, "--json"))
        assert (summary["state"], summary["trials"]["total"]) == ("finished", trials)


def test_its_studies_are_promoted_and_once_more(promoted):
    record = promoted.record
    for name in ("coin-old.final", "coin-promoted.final"):
        sources = [t.suggestion.source for t in record.history(record.study(name)).trials]
        assert len([source for source in sources if not source.startswith("audit")]) == 2


def test_its_registered_model_answers(place):
    answer = _done(place, "predict", "tests.coin_task:TASK", "--model", "1", "--json", "3", "5")

    assert [row["answer"] in (0, 1) for row in json.loads(answer)["answers"]] == [True] * 2


def test_a_study_of_it_moves_to_another_record(promoted, tmp_path):
    _done(promoted, "export", "coin-promoted", "--output", str(tmp_path / "coin.tar"))
    other = Place(tmp_path)

    _done(other, "import", str(tmp_path / "coin.tar"), "--trust")

    moved = other.record.study("coin-promoted")
    there = promoted.record.study("coin-promoted")
    assert other.record.events(moved) == promoted.record.events(there)
