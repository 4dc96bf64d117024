"""A row that cannot be read names itself, and is in nobody else's way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.cli.main import main
from search.errors import RecordError
from search.record.archive import export_study, import_study
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.search.studies import scored, session

CURVE = "tests.curve_task:TASK"
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown field": (lambda config: {**config, "unheard_of": 1}, "unheard_of"),
    "unknown sampler": (lambda config: {**config, "sampler": "gp"}, "sampler must be one of"),
    "unknown storage": (lambda config: {**config, "storage": "ftp://x"}, "storage must be"),
    "no object": (lambda config: [config], "no JSON object"),
    "another name": (lambda config: {**config, "name": "other"}, "is that of 'other'"),
    "broken JSON": (lambda config: json.dumps(config)[:-9], ""),
}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


@pytest.fixture(params=BROKEN)
def broken(record: Record, request: pytest.FixtureRequest) -> str:
    """Why `bad`, one of two studies, cannot be read."""
    for name in ("bad", "good"):
        study = _begun(record, name)
        (record.study_folder(name) / "logs").mkdir(parents=True)
    change, why = BROKEN[request.param]
    config = change({**study.config.as_dict(), "name": "bad"})
    text = config if isinstance(config, str) else json.dumps(config)
    _write(record, "UPDATE studies SET config = ? WHERE name = 'bad'", text)
    return why


def _begun(record: Record, name: str, **options: Any) -> Study:
    study = record.create(StudyConfig(name=name, task=CURVE, dataset="ones", **options), _ORIGIN)
    record.append(study, *scored({1: 0.5}), session("finished", 1))
    return study


_ORIGIN = {"baselines": {}}


def _write(record: Record, statement: str, *values: object) -> None:
    with sqlite3.connect(record.folder / "record.db") as connection:
        connection.execute(statement, values)
    connection.close()


def test_commands_go_on_with_the_others(record, broken, capsys):
    there = ("--studies-dir", str(record.folder))

    assert main(["list", *there]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["good"]
    assert "study 'bad' cannot be read: " in err
    assert broken in err
    assert err.count("\n") == 1
    assert main(["show", "good", *there]) == 0
    capsys.readouterr()
    assert main(["show", "bad", *there]) == 2
    assert capsys.readouterr().err.startswith("error: study 'bad' cannot be read: ")


def test_its_name_is_taken_until_it_is_deleted(record, broken):
    with pytest.raises(RecordError, match="study 'bad' cannot be read"):
        record.create(StudyConfig(name="bad", task=CURVE, dataset="ones"), {})

    assert main(["delete", "bad", "--yes", "--studies-dir", str(record.folder)]) == 0

    assert record.names() == ["good"]
    assert not record.study_folder("bad").exists()
    assert record.study_folder("good").exists()
    _begun(record, "bad")


def test_an_archive_of_that_name_is_refused(record, broken, tmp_path):
    elsewhere = open_record(tmp_path / "elsewhere", create=True)
    export_study(elsewhere, _begun(elsewhere, "bad"), tmp_path / "bad.tar")

    with pytest.raises(RecordError, match="a study named 'bad' exists here"):
        import_study(record, tmp_path / "bad.tar", {})


def test_a_promotion_s_phase_that_cannot_be_read_goes_with_its_study_only(record, tmp_path):
    study = _begun(record, "s")
    phase = _begun(record, "s.confirm", phase="confirm", parent="s")
    text = json.dumps({**phase.config.as_dict(), "unheard_of": 1})
    _write(record, "UPDATE studies SET config = ? WHERE name = 's.confirm'", text)

    with pytest.raises(RecordError, match=r"study 's\.confirm' cannot be read"):
        export_study(record, study, tmp_path / "s.tar")
    record.delete(study)

    assert record.names() == []


def test_a_name_that_is_a_path_is_deleted_from_the_record_only(record, tmp_path):
    _begun(record, "s")
    (tmp_path / "outside").mkdir()
    _write(record, "UPDATE studies SET name = '../outside'")

    record.delete(record.find("../outside"))

    assert (tmp_path / "outside").exists()
    assert record.names() == []


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_an_event_that_cannot_be_read_names_its_study(record, capsys, text):
    bad, good = _begun(record, "bad"), _begun(record, "good")
    complete = "UPDATE epochs SET metrics = ?, epoch = 9 WHERE study_id = ?"
    _write(record, complete, text, bad.id)

    with pytest.raises(RecordError, match=r"an event of study 'bad' cannot be read, .* in epochs"):
        record.history(bad)
    assert len(record.events(good)) == 5
    assert main(["list", "--studies-dir", str(record.folder)]) == 0
    out, err = capsys.readouterr()
    assert "good" in out
    assert err.startswith("bad cannot be shown: an event of study 'bad'")
