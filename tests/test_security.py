"""Nothing made by others runs code, nothing listens to others, the token stays where it is."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import pickle
import stat
import sys
import tarfile
import time
import tomllib
from pathlib import Path
from typing import Any

import psutil
import pytest
from packaging.requirements import Requirement

from search.cli.main import main
from search.errors import RecordError
from search.record.record import open_record
from search.tasks.config import StudyConfig
from tests.conftest import ROOT, Place
from trainables import checkpoint
from trainables.errors import DataError
from trainables.sts import source

CURVE = "tests.curve_task:TASK"


# What others made ------------------------------------------------------------------------------


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self._mark, "code ran"))


def test_a_planted_checkpoint_with_the_right_checksum_is_refused(tmp_path):
    payload = pickle.dumps(Planted(tmp_path / "mark"), protocol=2)
    digest = hashlib.sha256(payload).hexdigest().encode()
    (tmp_path / "epoch-000001.pt").write_bytes(digest + b"\n" + payload)

    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        checkpoint.load(tmp_path)

    assert not (tmp_path / "mark").exists()
    pickle.loads(payload)  # it would have run
    assert (tmp_path / "mark").exists()


def _entry(name: str, **fields: Any) -> tuple[tarfile.TarInfo, io.BytesIO]:
    entry = tarfile.TarInfo(name)
    entry.size = 0 if "linkname" in fields else 4
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry, io.BytesIO(b"evil")


@pytest.mark.parametrize(
    "entries",
    [
        [_entry("../../planted")],
        [_entry("/tmp/planted-by-a-test")],
        [_entry("link", type=tarfile.SYMTYPE, linkname="../.."), _entry("link/planted")],
        [_entry("link", type=tarfile.SYMTYPE, linkname="/etc")],
        [_entry("link", type=tarfile.LNKTYPE, linkname="../../secret"), _entry("link")],
    ],
    ids=["dots", "absolute", "through a symlink", "symlink", "hard link"],
)
def test_an_archive_writes_nothing_outside(tmp_path, monkeypatch, entries):
    cache = tmp_path / "a" / "cache"
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(cache))
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    archive = tmp_path / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for entry, content in entries:
            content.seek(0)
            tar.addfile(entry, content)
    monkeypatch.setattr("pooch.retrieve", lambda *arguments, **options: str(archive))

    with pytest.raises(DataError):
        source.folder(None)

    made = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.suffix for path in made - {archive}} <= {".lock"}
    assert not Path("/tmp/planted-by-a-test").exists()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "../outside", "a/b", "..", "a\nb"])
def test_a_name_that_is_markup_or_a_path_is_refused(name):
    with pytest.raises(ValueError, match="study's name"):
        StudyConfig(name=name, task=CURVE, dataset="ones")


def test_a_record_made_by_others_names_no_folder_outside(tmp_path):
    record = open_record(tmp_path / "studies", create=True)
    record.create(StudyConfig(name="s", task=CURVE, dataset="ones"), {})
    with record._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE studies SET name = '../outside'")

    with pytest.raises(RecordError, match=r"'\.\./outside'"):
        record.study("../outside")


@pytest.mark.parametrize("here", [".", "studies"])
def test_a_studies_folder_made_by_others_runs_no_code(tmp_path, monkeypatch, capsys, here):
    """Its record may name a task that lies beside it, which Python would import."""
    studies = tmp_path / "studies"
    task = "evil:TASK" if here == "studies" else "studies.evil:TASK"
    open_record(studies, create=True).create(
        StudyConfig(name="s", task=task, dataset="ones"), {"baselines": {}}
    )
    for name in ("evil", "__init__"):
        (studies / f"{name}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    monkeypatch.chdir(tmp_path / here)
    monkeypatch.setattr(sys, "path", ["", *sys.path])

    for command in (["list"], ["show", "s"], ["resume", "s"], ["sync", "s"], ["promote", "s"]):
        assert main([*command, "--studies-dir", str(studies)]) == (0 if "list" in command else 2)
        assert "code is never run from there" in capsys.readouterr().err
    assert not (tmp_path / "mark").exists()


# Who listens, and the token --------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small real study: what its processes listened on, what they left behind."""
    place = Place(tmp_path_factory.mktemp("watched"))
    seen: dict[str, Any] = {"place": place, "addresses": set(), "lines": set(), "sessions": set()}
    run = ("run", CURVE, "--name", "s", "--trials", "3", "--workers", "1", "--no-baseline")
    with place.start(*run, "--set", "epoch_s=0.2") as driver:
        try:
            while driver.poll() is None:
                _look(psutil.Process(driver.pid), seen)
                time.sleep(0.3)
        except psutil.NoSuchProcess:
            pass
        seen["said"] = "".join(driver.communicate())
        assert driver.returncode == 0, seen["said"]
    return seen


def _look(driver: psutil.Process, seen: dict[str, Any]) -> None:
    for process in [driver, *driver.children(recursive=True)]:
        try:
            line = process.cmdline()
            listening = [
                c.laddr.ip
                for c in process.net_connections("inet")
                if c.status == psutil.CONN_LISTEN
            ]
        except psutil.Error:
            continue
        seen["addresses"].update(listening)
        seen["lines"].add(" ".join(line))
        for word in line:
            name, _, value = word.partition("=")
            if "session_dir" in name and value:
                seen["sessions"].add(Path(value))


def test_ray_listens_on_loopback_only(watched):
    assert watched["addresses"]  # it was there to be seen
    assert watched["addresses"] <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_the_token_is_its_owner_s_and_nowhere_else(watched):
    token_file = Path(watched["place"].env["HOME"]) / ".ray" / "auth_token"
    token = token_file.read_bytes().strip()
    assert len(token) >= 32
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert token.decode() not in watched["said"]
    assert not any(token.decode() in line for line in watched["lines"])
    assert watched["sessions"]  # Ray's own logs
    folders = [watched["place"].folder, *watched["sessions"]]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"record.db", "mlflow.db", "raylet.out"} <= {path.name for path in files}
    assert [path for path in files if token in path.read_bytes()] == []


def test_ui_takes_no_host(capsys):
    """Which it is given is in tests/search/test_bad_input.py."""
    with pytest.raises(SystemExit, match="2"):
        main(["ui", "--host", "0.0.0.0"])
    assert "--host" in capsys.readouterr().err


# Dependencies ----------------------------------------------------------------------------------

HOLES = {  # the last releases with them
    "ray": "2.51.1",  # CVE-2023-48022, CVE-2025-62593
    "mlflow": "3.10.1",  # CVE-2026-2635, CVE-2026-4137
    "torch": "2.9.1",  # CVE-2025-32434, CVE-2026-24747
}


def _requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {r.name: r for r in map(Requirement, project["dependencies"])}


@pytest.mark.parametrize("name", HOLES)
def test_releases_with_known_holes_are_excluded(name):
    assert not _requirements()[name].specifier.contains(HOLES[name])
    assert _requirements()[name].specifier.contains(importlib.metadata.version(name).split("+")[0])


def test_the_constraints_name_one_allowed_version_of_each_dependency():
    lines = (ROOT / "infra" / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))

    requirements = _requirements()
    assert set(pinned) >= set(requirements)
    for name, requirement in requirements.items():
        assert requirement.specifier.contains(pinned[name]), name
