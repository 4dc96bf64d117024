"""A study moved between records keeps everything."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from search.errors import ArchiveError, RecordError, StorageError
from search.record.archive import export_study, import_study
from search.record.record import open_record
from search.tasks.config import StudyConfig
from tests.search import studies
from tests.search.record.moving import CURVE, everything, fill


def test_there_and_back_it_is_the_same_to_the_last_bit(laptop, server, tmp_path):
    study = fill(laptop)

    first = export_study(laptop, study, tmp_path / "first.tar")
    moved, _ = import_study(server, tmp_path / "first.tar", {})
    export_study(server, moved, tmp_path / "second.tar")

    assert everything(server) == everything(laptop)
    assert (tmp_path / "second.tar").read_bytes() == (tmp_path / "first.tar").read_bytes()
    assert str(first) == "2 trials, 4 files of 0.0 MiB"
    assert sorted(path.name for path in server.study_folder("s").iterdir()) == [
        "checkpoints", "figures", "logs", "predictions",
    ]  # fmt: skip
    assert not list(server.folder.glob(".import-*"))


def test_where_the_storage_does_not_answer_nothing_is_on_record(laptop, cluster, tmp_path):
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    with pytest.raises(StorageError):
        import_study(cluster, tmp_path / "s.tar", {"storage": str(tmp_path / "none")})
    assert cluster.studies() == []
    import_study(cluster, tmp_path / "s.tar", {})


def test_readings_of_the_test_split_are_counted_once(laptop, server, tmp_path):
    study = fill(laptop)
    export_study(laptop, study, tmp_path / "s.tar")
    server.ledger.note("a" * 64, "b" * 64, study="before 1.000", purpose="final")

    import_study(server, tmp_path / "s.tar", {})

    assert server.ledger.count("b" * 64) == 1
    assert laptop.ledger.count("b" * 64) == 2


def test_where_it_lives_can_be_said_anew(laptop, cluster, tmp_path):
    export_study(laptop, fill(laptop), tmp_path / "s.tar")

    moved, _ = import_study(
        cluster, tmp_path / "s.tar", {"workers": 16, "tracking_uri": "http://x"}
    )

    was, now = laptop.study("s").config, moved.config
    assert now == dataclasses.replace(was, workers=16, tracking_uri="http://x")
    assert cluster.study("s.confirm").config.workers == 16


def test_files_come_out_of_one_storage_and_go_into_another(laptop, cluster, tmp_path, s3):
    (tmp_path / "shared").mkdir()
    study = fill(laptop)
    before = everything(laptop)[1]
    export_study(laptop, study, tmp_path / "there.tar")

    moved, _ = import_study(cluster, tmp_path / "there.tar", {"storage": s3.uri(tmp_path.name)})
    shutil.rmtree(cluster.study_folder("s"))  # another head
    export_study(cluster, moved, tmp_path / "on.tar")
    cluster.delete(moved)
    further, _ = import_study(cluster, tmp_path / "on.tar", {"storage": str(tmp_path / "shared")})
    shutil.rmtree(cluster.study_folder("s"))
    export_study(cluster, further, tmp_path / "back.tar")
    laptop.delete(study)
    import_study(laptop, tmp_path / "back.tar", {"storage": None})

    assert everything(laptop)[1] == before
    assert len(list((tmp_path / "shared").rglob("*.manifest"))) == 4


def test_two_records_do_not_share_one_study_s_files(laptop, cluster, tmp_path, s3):
    """Else to delete it there would take them from here."""
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    storage = {"storage": s3.uri(tmp_path.name)}
    import_study(cluster, tmp_path / "s.tar", storage)

    other = open_record(tmp_path / "other", create=True)
    with pytest.raises(RecordError, match=r"holds files of this very study.* another --storage"):
        import_study(other, tmp_path / "s.tar", storage)

    cluster.delete(cluster.study("s"))
    import_study(other, tmp_path / "s.tar", storage)


def test_a_study_that_went_on_is_not_exported(laptop, tmp_path, monkeypatch):
    study = fill(laptop)
    with laptop.driver_lock("s"), pytest.raises(RecordError, match="s is being driven"):
        export_study(laptop, study, tmp_path / "s.tar")

    readings = laptop.ledger.readings
    monkeypatch.setattr(
        laptop.ledger,
        "readings",
        lambda name: laptop.append(study, studies.session("started")) and readings(name),
    )
    with pytest.raises(RecordError, match="went on meanwhile"):
        export_study(laptop, study, tmp_path / "s.tar")
    assert not list(tmp_path.glob("s.tar*"))


def test_what_is_in_the_way_is_refused_and_stays(laptop, cluster, tmp_path):
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    with pytest.raises(ArchiveError, match="there already"):
        export_study(laptop, laptop.study("s"), tmp_path / "s.tar")
    with pytest.raises(RecordError, match=r"'s' exists here: import into another --studies-dir"):
        import_study(laptop, tmp_path / "s.tar", {})

    (cluster.folder / "s.confirm" / "logs").mkdir(parents=True)
    with pytest.raises(RecordError, match="in the way"):
        import_study(cluster, tmp_path / "s.tar", {})
    assert cluster.studies() == []
    assert not (cluster.folder / "s").exists()


def test_a_name_taken_meanwhile_leaves_nothing(laptop, cluster, tmp_path, monkeypatch):
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    cluster.create(StudyConfig(name="s.confirm", task=CURVE, dataset="ones"), {})
    monkeypatch.setattr(cluster, "names", list)  # as it was when it was asked

    with pytest.raises(RecordError, match="made meanwhile"):
        import_study(cluster, tmp_path / "s.tar", {})

    monkeypatch.undo()
    assert [study.name for study in cluster.studies()] == ["s.confirm"]
    assert list((cluster.folder / "s").iterdir()) == []


def test_part_of_a_promotion_does_not_go_alone(laptop, tmp_path):
    fill(laptop)
    with pytest.raises(RecordError, match="export s"):
        export_study(laptop, laptop.study("s.confirm"), tmp_path / "s.tar")


def test_if_a_file_cannot_be_placed_nothing_is_on_record(laptop, server, tmp_path, monkeypatch):
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    rename = Path.rename

    def full(source: Path, target: Path) -> Path:
        if target.name == "logs":
            raise OSError("No space left on device")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        import_study(server, tmp_path / "s.tar", {})
    monkeypatch.undo()

    assert server.studies() == []
    import_study(server, tmp_path / "s.tar", {})
    assert everything(server) == everything(laptop)
