"""The study as one table."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet

from search.record.record import open_record
from search.reports.table import write_table
from search.tasks.config import StudyConfig
from tests.search.studies import epoch, failure, segment, session, suggestion


def test_a_row_an_epoch_and_nothing_that_depends_on_time(tmp_path: Path) -> None:
    record = open_record(tmp_path, create=True)
    written = []
    for name in ("first", "second"):  # the same events, at other times
        study = record.create(StudyConfig(name=name, task="t", dataset="d", max_epochs=2), {})
        record.study_folder(name).mkdir()
        events = [session("started", 3)]
        events += [suggestion(0, "default", x=0.5), segment(0, 1, 2), epoch(0, 1, 0.25)]
        events += [epoch(0, 2, 0.5, "complete"), suggestion(1, x=0.7), segment(1, 1, 1)]
        events += [epoch(1, 1, 0.1, "pause"), suggestion(2, x=0.1), segment(2, 1, 1)]
        record.append(study, *events, failure(2, 1), session("finished", 3))
        written.append(write_table(record, study).read_bytes())

    table = pyarrow.parquet.read_table(tmp_path / "first" / "trials.parquet").to_pydict()

    assert written[0] == written[1]
    assert table["trial"] == [0, 0, 1, 2]
    assert table["state"] == ["complete", "complete", "pruned", "failed"]
    assert table["epoch"] == [1, 2, 1, None]
    assert table["decision"] == ["go on", "complete", "pause", None]
    assert table["metric.score"] == [0.25, 0.5, 0.1, None]
    assert table["config.x"] == [0.5, 0.5, 0.7, 0.1]
    assert table["reason"] == [None, None, None, "RuntimeError: asked to fail"]


def test_a_choice_among_values_of_several_kinds_is_a_column_of_text(tmp_path: Path) -> None:
    record = open_record(tmp_path, create=True)
    study = record.create(StudyConfig(name="s", task="t", dataset="d"), {})
    record.study_folder("s").mkdir()
    events = [session("started", 3)]
    for number, share in enumerate([0.5, "sqrt", True]):
        events += [suggestion(number, share=share), segment(number, 1, 1), epoch(number, 1, 0.1)]
    record.append(study, *events)

    table = pyarrow.parquet.read_table(write_table(record, study)).to_pydict()

    assert table["config.share"] == ["0.5", "sqrt", "True"]


def test_whole_numbers_beyond_64_bits_and_what_is_no_utf_8_are_columns_of_text(
    tmp_path: Path,
) -> None:
    record = open_record(tmp_path, create=True)
    study = record.create(StudyConfig(name="s", task="t", dataset="d"), {})
    record.study_folder("s").mkdir()
    events = [session("started", 2)]
    for number, (n, path) in enumerate([(2**70, "a\udcff"), (3, "b")]):
        events += [suggestion(number, n=n, path=path, w=-0.0), segment(number, 1, 1)]
    record.append(study, *events)

    table = pyarrow.parquet.read_table(write_table(record, study)).to_pydict()

    assert table["config.n"] == [str(2**70), "3"]
    assert table["config.path"] == ["a\\udcff", "b"]
    assert [str(w) for w in table["config.w"]] == ["-0.0", "-0.0"]
