"""A studies folder on a read-only disk, or of another user: its studies can be read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.cli.main import main
from search.errors import RecordError
from search.record.record import Record, open_record
from tests.search.record.moving import fill
from tests.search.studies import session


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """The same folder, where nobody can write, root included."""
    mounted: list[Path] = []

    def view(folder: Path) -> Path:
        if os.getuid() != 0:
            for path in (*folder.rglob("*"), folder):
                path.chmod(0o555 if path.is_dir() else 0o444)
            return folder
        there = tmp_path / "there"
        there.mkdir()
        for options in (["--bind", str(folder)], ["-o", "remount,ro,bind"]):
            done = subprocess.run(["mount", *options, str(there)], capture_output=True, check=False)
            if done.returncode != 0:
                pytest.skip("no right to mount a folder read-only")
            mounted.append(there)
        return there

    yield view
    if mounted:
        subprocess.run(["umount", "--lazy", str(mounted[0])], check=True)


def _unclosed(record: Record, folder: Path) -> None:
    """As a driver leaves it that was killed: what it wrote last is in the write-ahead log only."""
    shutil.copytree(record.folder, folder)
    assert (folder / "record.db-wal").stat().st_size


@pytest.mark.parametrize("killed", [False, True])
def test_a_read_only_folder_can_be_read(tmp_path, monkeypatch, capsys, read_only, killed) -> None:
    record = open_record(tmp_path / "studies", create=True)
    study = fill(record)
    folder = record.folder
    if killed:
        record.append(study, session("started"))
        folder = tmp_path / "killed"
        _unclosed(record, folder)
    events = record.events(study)
    record._database.engine.dispose()
    there = read_only(folder)
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in folder.iterdir())

    assert open_record(there).events(open_record(there).study("s")) == events
    for command in (["list"], ["show", "s"], ["show", "s", "--trial", "0"]):
        assert main([*command, "--studies-dir", str(there)]) == 0
        assert "trial" in capsys.readouterr().out
    assert main(["export", "s", "--studies-dir", str(there), "--output", "s.tar"]) == 0
    assert (tmp_path / "s.tar").is_file()
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    "command",
    [
        ("run", "tests.curve_task:TASK", "--trials", "1"),
        ("delete", "s", "--yes"),
        ("sync", "s"),
        ("import", "s.tar"),
    ],
)
def test_what_would_write_is_refused_in_a_line(
    tmp_path, monkeypatch, capsys, read_only, command
) -> None:
    record = open_record(tmp_path / "studies", create=True)
    fill(record)
    monkeypatch.chdir(tmp_path)
    main(["export", "s", "--output", "s.tar"])
    record._database.engine.dispose()
    there = read_only(record.folder)
    capsys.readouterr()

    assert main([*command, "--studies-dir", str(there)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "ead-only" in said or "Permission denied" in said
    assert said.count("\n") == 1


def test_a_record_that_cannot_be_written_takes_nothing(tmp_path, read_only) -> None:
    record = open_record(tmp_path / "studies", create=True)
    study = fill(record)
    record._database.engine.dispose()
    there = open_record(read_only(record.folder))

    with pytest.raises(RecordError, match="is read-only: its studies can be listed, shown and"):
        there.append(study, session("started"))
    with pytest.raises(RecordError, match="read-only"), there.driver_lock("s"):
        pass
    assert not there.driven("s")
