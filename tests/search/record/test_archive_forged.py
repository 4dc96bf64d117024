"""An archive made or damaged by others does no harm."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from search.cli.main import main
from search.errors import ArchiveError, RecordError
from search.record.archive import INDEX, export_study, import_study
from search.record.record import Record, open_record
from tests.search.record.moving import everything, fill


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
        (lambda lines: lines[0].update(version=3), "is refused: its version is 3"),
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
