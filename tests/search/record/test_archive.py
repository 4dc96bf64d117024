"""A study moved between records keeps everything; an archive of others does no harm."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pyarrow.parquet
import pytest
from mlflow import MlflowClient

from search.cli.main import main
from search.decisions.history import EpochEnd, Event, Segment
from search.errors import ArchiveError, RecordError, StorageError
from search.record.archive import INDEX, export_study, import_study
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.conftest import Place
from tests.postgres import PostgresServer
from tests.search import studies

CURVE = "tests.curve_task:TASK"
FLOATS = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.pi * 1e-300)


def fill(record: Record, name: str = "s") -> Study:
    """A study with a promotion, files and readings, and figures that are hard to carry."""
    config = StudyConfig(name=name, task=CURVE, dataset="ones", fixed={"x": 1 / 3})
    study = record.create(config, {"code": "c0de", "baselines": {"zero": 0.1 + 0.2}})
    confirm = dataclasses.replace(config, name=f"{name}.confirm", phase="confirm", parent=name)
    events: list[Event] = studies.scored({1: 0.25}, {1: 0.5, 3: 1 / 3})
    events += [studies.failure(0, 2), studies.session("finished")]
    for end, value in zip((e for e in events if isinstance(e, EpochEnd)), FLOATS, strict=False):
        events[events.index(end)] = dataclasses.replace(end, metrics={"score": value, "ä\n'": 0.0})
    record.append(study, *events)
    record.append(record.create(confirm, {}), studies.session("started"))
    record.ledger.note("a" * 64, "b" * 64, study=study.ledger_name, purpose="final")
    record.ledger.note("c" * 64, "b" * 64, study="another 1.000", purpose="final")
    for path in (
        *("checkpoints/trial-0/epoch-000001.pt", "predictions/labels.arrow", "logs/trial-0.log"),
        *("figures/trial-1/curve.png", "driver.lock", "logs/trial-0.preempted", "notes.txt"),
    ):
        file = record.study_folder(name) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.sha256(path.encode()).digest() * 9)
    return study


@pytest.fixture
def laptop(tmp_path: Path) -> Record:
    return open_record(tmp_path / "laptop", create=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Record:
    return open_record(tmp_path / "cluster", create=True)


@pytest.fixture
def server(tmp_path: Path, postgres: PostgresServer) -> Record:
    return open_record(tmp_path / "server", url=postgres.database(), create=True)


def everything(record: Record, name: str = "s") -> Any:
    """All that is known of a study, but for its number in this record."""
    found = [s for s in record.studies() if name in (s.name, s.config.parent)]
    files = {
        path.relative_to(record.folder).as_posix(): path.read_bytes()
        for study in found
        for path in record.study_folder(study.name).rglob("*")
        if path.is_file() and path.name not in ("driver.lock", "notes.txt", "trial-0.preempted")
    }
    known = [
        (dataclasses.replace(s, id=0), record.events(s), record.ledger.readings(s.ledger_name))
        for s in found
    ]
    return known, files


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


# Archives made by others ------------------------------------------------------------------------


@pytest.fixture
def archive(laptop: Record, tmp_path: Path) -> Path:
    export_study(laptop, fill(laptop), tmp_path / "s.tar")
    return tmp_path / "s.tar"


def index_of(archive: Path) -> list[dict[str, Any]]:
    with tarfile.open(archive) as tar:
        content = tar.extractfile(INDEX)
        assert content is not None
        return [json.loads(line) for line in content.read().splitlines()[:-1]]


def forge(
    archive: Path, lines: list[dict[str, Any]], *members: tuple[tarfile.TarInfo, bytes]
) -> None:
    """An archive with this index, its checksum right, and these members after it."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    body += json.dumps({"end": hashlib.sha256(body).hexdigest()}).encode() + b"\n"
    with tarfile.open(archive, "w") as tar:
        for entry, content in ((tarfile.TarInfo(INDEX), body), *members):
            if entry.isreg():
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def study_line(lines: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("study") == name)


def member(name: str, content: bytes = b"evil", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry, content


def announced(name: str, content: bytes = b"evil") -> dict[str, Any]:
    return {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize(
    "name",
    ["../planted", "/tmp/planted", "s/../../planted", "s/logs/../../../planted", "other/logs/x",
     "s/evil.py", "s/__init__.py", "s/driver.lock", "record.db", "s//logs/x", "s/logs",
     "s/logs/a\0b"],
)  # fmt: skip
def test_a_name_that_is_no_file_of_the_study_is_refused(archive, cluster, name):
    lines = [line for line in index_of(archive) if "file" not in line]
    forge(archive, [*lines, announced(name)], member(name))

    with pytest.raises(ArchiveError, match="no file of a study"):
        import_study(cluster, archive, {})

    assert sorted(p.name for p in cluster.folder.iterdir() if "record.db" not in p.name) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"type": tarfile.SYMTYPE, "linkname": "../.."},
        {"type": tarfile.LNKTYPE, "linkname": "study.jsonl"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.CHRTYPE},
    ],
    ids=["symlink", "hard link", "folder", "fifo", "device"],
)
def test_only_regular_files_come_out(archive, cluster, fields):
    lines = [line for line in index_of(archive) if "file" not in line]
    forge(archive, [*lines, announced("s/logs/x")], member("s/logs/x", **fields))

    with pytest.raises(ArchiveError, match="no regular file"):
        import_study(cluster, archive, {})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "1 files are missing, as s/logs/x"),
        ([member("s/logs/x", b"evil" * 1000)], "s/logs/x is not what was written"),
        ([member("s/logs/x", b"live")], "s/logs/x is not what was written"),
        ([member("s/logs/x"), member("s/logs/x")], "'s/logs/x' is twice in it"),
        (
            [member("s/logs/x"), member("s/logs/y")],
            "'s/logs/y' is twice in it, or not in its index",
        ),
    ],
    ids=["missing", "longer", "altered", "twice", "unannounced"],
)
def test_what_the_index_does_not_say_is_refused(archive, cluster, members, message):
    lines = [line for line in index_of(archive) if "file" not in line]
    forge(archive, [*lines, announced("s/logs/x")], *members)

    with pytest.raises(ArchiveError, match=message):
        import_study(cluster, archive, {})

    assert cluster.studies() == []
    assert not (cluster.folder / "s").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[0].update(format=2), "is refused: its format is 2"),
        (lambda lines: lines[0].update(version=2), "is refused: its version is 2"),
        (lambda lines: lines[0].update(version="x"), "its version is 'x'"),
        (lambda lines: lines[1].update(study="../s"), "is not"),
        (lambda lines: lines[1]["config"].update(name="../s"), "study's name"),
        (lambda lines: lines[1]["config"].update(cards=4), "cards"),
        (lambda lines: lines[2].update(event="System"), "System"),
        (lambda lines: lines[2].update(sequence=7), "not in order"),
        (lambda lines: lines[3]["values"].update(seed=2**70), "too large"),
        (lambda lines: lines.append(study_line(lines, "s")), "'s' is not s or a study of its"),
        (lambda lines: lines.append(study_line(lines, "s.confirm")), "in it twice"),
        (lambda lines: lines[3]["values"].update(seed="1"), "seed must be int"),
        (lambda lines: lines[3]["values"].update(config=[1]), "config"),
        (lambda lines: lines.pop(2), ""),
        (lambda lines: lines.clear(), ""),
        (lambda lines: lines.append([1]), ""),
    ],
)
def test_a_forged_index_is_one_clear_line(archive, cluster, change, message):
    lines = [line for line in index_of(archive) if "file" not in line]
    change(lines)
    forge(archive, lines)

    with pytest.raises((ArchiveError, RecordError)) as refused:
        import_study(cluster, archive, {})

    assert message in str(refused.value)
    assert cluster.studies() == []


def test_an_archive_that_tells_no_version_is_taken_in(archive, cluster):
    lines = [line for line in index_of(archive) if "file" not in line]
    del lines[0]["version"]
    forge(archive, lines)

    import_study(cluster, archive, {})

    assert "s" in cluster.names()


def test_a_task_in_the_studies_folder_is_refused(archive, cluster, tmp_path, monkeypatch):
    (cluster.folder / "evil.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    monkeypatch.syspath_prepend(str(cluster.folder))
    lines = [line for line in index_of(archive) if "file" not in line]
    for line in lines:
        if "study" in line:
            line["config"]["task"] = "evil:TASK"
    forge(archive, lines)

    with pytest.raises(RecordError, match="code is never run from there"):
        import_study(cluster, archive, {})

    assert not (tmp_path / "mark").exists()
    assert cluster.studies() == []


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 10240, b"PK\3\4" + b"x" * 9000])
def test_what_is_no_archive_is_one_line(tmp_path, capsys, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("x.tar").write_bytes(content)
    assert main(["import", "x.tar"]) == 2
    assert_one_line(capsys.readouterr().err)
    assert main(["import", "none.tar"]) == 2
    assert "none.tar" in capsys.readouterr().err


def test_the_cluster_of_the_environment_is_not_asked(laptop, tmp_path, monkeypatch, capsys):
    """What lies here is exported, though other commands would go there."""
    fill(laptop)
    monkeypatch.setenv("SEARCH_CLUSTER", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)

    assert main(["export", "s", "--studies-dir", "laptop"]) == 0

    assert capsys.readouterr().out == "s.tar: study s, 2 trials, 4 files of 0.0 MiB\n"
    assert Path("s.tar").exists()


def assert_one_line(message: str) -> None:
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert "x.tar is damaged, or no archive of `export`" in message


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    folder = tmp_path_factory.mktemp("whole")
    record = open_record(folder / "studies", create=True)
    export_study(record, fill(record), folder / "s.tar")
    return (folder / "s.tar").read_bytes(), everything(record)


@st.composite
def damage(draw: st.DrawFn) -> Any:
    """Some bytes set, or the end cut off."""
    length = draw(st.floats(0, 1))
    places = draw(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
    return draw(st.sampled_from([None, length])), places


@hypothesis.given(damage())
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_damage_is_found_or_does_none(whole, tmp_path_factory, damage):
    content, was = whole
    length, places = damage
    damaged = bytearray(content)
    for place, value in places:
        damaged[min(int(place * len(content)), len(content) - 1)] = value
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "x.tar").write_bytes(
        damaged[: None if length is None else int(length * len(content))]
    )
    record = open_record(folder / "studies", create=True)

    try:
        import_study(record, folder / "x.tar", {})
    except ArchiveError as error:
        lines = str(error).splitlines()
        assert (lines[1:], record.studies()) == ([], [])
        assert not (record.folder / "s").exists()
    else:
        assert everything(record) == was


# A real study -----------------------------------------------------------------------------------

TRIALS = 4
RUN = ("run", CURVE, "--name", "s", "--trials", str(TRIALS), "--workers", "1")
SLOWLY = ("--set", "epoch_s=0.15")


@pytest.fixture(scope="module")
def moved(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> tuple[Place, Place, Place]:
    """One never moved; one killed, moved to another record, stopped there, and moved back."""
    still, cluster, back = (Place(tmp_path_factory.mktemp(n)) for n in ("still", "cluster", "back"))
    home = Place(tmp_path_factory.mktemp("home"))
    cluster.env["SEARCH_RECORD"] = postgres.database()
    never_moved = still.start(*RUN, *SLOWLY)  # beside the other
    killed_after(home, 5, *RUN, *SLOWLY)
    carry(home, cluster)
    killed_after(cluster, 13, "resume", "s")
    carry(cluster, back)
    done = back.search("resume", "s")
    assert done.returncode == 0, done.stderr
    assert never_moved.wait(60) == 0, never_moved.communicate()
    return still, cluster, back


def killed_after(place: Place, epochs: int, *command: str) -> None:
    with place.start(*command) as driver:
        while driver.poll() is None:
            studies_there = place.record.studies()
            events = place.record.events(studies_there[0]) if studies_there else []
            if sum(isinstance(event, EpochEnd) for _, _, event in events) >= epochs:
                break
            time.sleep(0.05)
        assert driver.poll() is None, driver.communicate()
        driver.kill()


def carry(source: Place, target: Place) -> None:
    file = target.folder / "s.tar"
    ends = time.monotonic() + 20  # a dead driver's trials end with their Ray
    while (done := source.search("export", "s", "--output", str(file))).returncode:
        assert time.monotonic() < ends, done.stderr
    done = target.search("import", str(file))
    assert done.returncode == 0, done.stderr
    assert "python -m search resume s" in done.stdout


def test_a_moved_study_is_the_one_never_moved(moved):
    still, _, back = moved
    tables = [
        pyarrow.parquet.read_table(place.folder / "studies" / "s" / "trials.parquet").to_pylist()
        for place in (still, back)
    ]
    assert tables[0] == tables[1]
    assert len({row["trial"] for row in tables[0]}) == TRIALS


def test_it_went_on_from_its_checkpoints(moved):
    """No epoch of the earlier places is on record twice, or trained from the start again."""
    _, cluster, back = moved
    there, here = (place.record.events(place.record.study("s")) for place in (cluster, back))
    assert here[: len(there)] == there
    ends = [(e.trial, e.epoch) for _, _, e in here if isinstance(e, EpochEnd)]
    assert len(ends) == len(set(ends))
    starts = [e.first_epoch for _, _, e in here[len(there) :] if isinstance(e, Segment)]
    assert max(starts) > 1


def test_the_mlflow_of_its_new_place_shows_all_of_it(moved, monkeypatch):
    _, _, back = moved
    uri = f"sqlite:///{back.folder}/mlflow.db"
    assert back.record.study("s").config.tracking_uri == uri
    monkeypatch.chdir(back.folder)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("curve")
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    points = [
        (run.data.tags["trial"], point.step)
        for run in runs
        if "trial" in run.data.tags
        for point in client.get_metric_history(run.info.run_id, "score")
    ]
    events = [event for _, _, event in back.record.events(back.record.study("s"))]
    assert len(runs) == TRIALS + 1
    assert sorted(points) == sorted(
        (str(event.trial), event.epoch) for event in events if isinstance(event, EpochEnd)
    )
