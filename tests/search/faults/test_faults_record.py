"""A record that is locked, full, damaged or emptied: refused with the way back, which works."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Place, needs
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    driven,
    epochs_of,
    fill,
    history_of,
)
from tests.waiting import HANGS_S, wait_until
from trainables import checkpoint

CURVE = "tests.curve_task:TASK"


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The studies folder is a disk of its own, of 4 MB."""
    place = Place(tmp_path_factory.mktemp("disk"))
    place.env["PYTHONPATH"] = f"{ROOT}/tests/fault_hooks:{ROOT}"
    place.env["FAULT_PATIENCE_S"] = "1"
    studies = place.folder / "studies"
    studies.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(studies)]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(studies)], check=True)


@pytest.mark.long
def test_locked_or_full_it_says_so_and_goes_on_later(small_disk):
    place = small_disk
    run = ("run", CURVE, "--name", "s", "--trials", "4", "--workers", "1", *WHOLE)
    resume = ("resume", "s", "--quiet")

    with driven(place, *run, "--set", "epoch_s=0.2") as driver:
        wait_until(lambda: epochs_of(place, "s") >= 5, "no epochs", process=driver)
        lock = sqlite3.connect(place.folder / "studies" / "record.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        said = driver.communicate(timeout=HANGS_S)[1]
        lock.close()
    assert _one_error(driver, said).endswith(
        "locked by another program: database is locked. End that program, then try again"
    )

    filler = place.folder / "studies" / "filler"
    with driven(place, *resume) as driver:
        wait_until(lambda: epochs_of(place, "s") >= 12, "no epochs", process=driver)
        fill(filler)
        said = driver.communicate(timeout=HANGS_S)[1]
    assert "room" in _one_error(driver, said)
    with sqlite3.connect(place.folder / "studies" / "record.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    unfinished = [trial for trial in history_of(place, "s").trials if trial.unfinished]
    assert unfinished
    for trial in unfinished:
        folder = place.folder / "studies" / "s" / "checkpoints" / f"trial-{trial.number}"
        if trial.epoch:
            assert checkpoint.load(folder, trial.epoch)[0] == trial.epoch

    filler.unlink()
    told = place.search(*resume)
    assert told.returncode == 0, told.stderr
    for number in range(4):
        assert_undisturbed(place, "s", number)
    assert not any(trial.failures for trial in history_of(place, "s").trials)


@needs("sqlite3")
def test_a_damaged_record_is_refused_and_the_way_back_works(small_study):
    place, path = small_study, small_study.folder / "studies" / "record.db"
    before = place.search("show", "s", "--json").stdout
    _damage(path, "sqlite_autoindex_epochs_1")
    content = path.read_bytes()

    for command in (("show", "s"), ("resume", "s"), ("run", CURVE, "--trials", "1")):
        told = place.search(*command)
        assert told.returncode == 2, command
        assert len(told.stderr.splitlines()) == 1, told.stderr
        assert ".recover" in told.stderr
    assert path.read_bytes() == content  # nothing was started anew

    damaged = path.with_name("DAMAGED")
    path.rename(damaged)
    for way in (".recover", ".dump"):  # Debian's sqlite3 3.40 is built without the first
        path.unlink(missing_ok=True)
        mend = f"sqlite3 {damaged} {way} | sqlite3 {path}"
        subprocess.run(mend, shell=True, check=True, cwd=place.folder)
        if path.stat().st_size:
            break
    assert place.search("show", "s", "--json").stdout == before


def test_a_record_with_holes_is_refused(small_study):
    with sqlite3.connect(small_study.folder / "studies" / "record.db") as database:
        database.execute("DELETE FROM epochs WHERE trial = 7 AND epoch = 2")

    told = small_study.search("show", "s")

    assert told.returncode == 2
    assert "error: the record of study s has holes" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_record_cut_to_nothing_is_not_started_anew(small_study):
    place, path = small_study, small_study.folder / "studies" / "record.db"
    path.write_bytes(b"")
    path.with_name("record.db-wal").unlink(missing_ok=True)

    for command in (("show", "s"), ("resume", "s"), ("run", CURVE, "--trials", "1")):
        told = place.search(*command)
        assert told.returncode == 2, command
        assert "record.db is damaged: it is empty" in told.stderr
    assert path.read_bytes() == b""


@pytest.fixture
def small_study(place: Place) -> Place:
    """A study on record, made without Ray."""
    from search.tasks.config import StudyConfig
    from tests.search.studies import scored

    config = StudyConfig(name="s", task=CURVE, dataset="ones", trials=40, max_epochs=3)
    record = place.record
    study = record.create(config, {"baselines": {}})
    with record.driver_lock("s"):
        record.append(study, *scored(*[{3: number / 40} for number in range(40)]))
    with sqlite3.connect(place.folder / "studies" / "record.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return place


def _damage(database: Path, name: str) -> None:
    """Overwrite the page at which a table or an index begins."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        page = connection.execute(query, (name,)).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


def _one_error(driver: subprocess.Popen[str], said: str) -> str:
    """The one line of a command that failed."""
    assert driver.returncode == 1, said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in said
    return errors[0]
