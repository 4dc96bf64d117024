"""What is prepared is made once, whole, and lasts."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from trainables import cache
from trainables.cache import cached, save_array


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_a_failed_build_leaves_nothing(tmp_path):
    def build(folder):
        (folder / "half").write_text("")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        cached("thing", "key", build)
    left = [path for path in (tmp_path / "cache/prepared").iterdir() if path.suffix != ".lock"]
    assert left == []
    assert cached("thing", "key", lambda folder: None).is_dir()


def test_all_is_durable_before_and_after_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(cache, "sync", lambda path: synced.append((path.name, path.exists())))

    def build(folder):
        (folder / "inner").mkdir()
        (folder / "inner" / "content").write_text("whole")

    folder = cached("thing", "key", build)

    *before, partial, root = [name for name, _ in synced]
    assert sorted(before) == ["content", "inner"]
    assert partial.startswith(".thing-")
    assert root == folder.parent.name
    assert all(there for _, there in synced)


def test_others_can_read_it():
    assert cached("thing", "key", lambda _: None).stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.zeros(0, np.float32)]
)
def test_an_array_is_saved_as_numpy_does_it(tmp_path, array):
    save_array(tmp_path / "array.npy", array)
    loaded = np.load(tmp_path / "array.npy")
    assert loaded.dtype == array.dtype
    np.testing.assert_array_equal(loaded, array)


def test_an_array_that_has_no_room_says_so(tmp_path):
    (tmp_path / "array.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        save_array(tmp_path / "array.npy", np.zeros(2**18))
    assert error.value.errno == errno.ENOSPC


def _build(folder):
    time.sleep(0.2)
    with (Path.cwd() / "builds").open("a") as log:
        log.write("built\n")
    (folder / "content").write_text("whole")


def _ask(_):
    return (cached("thing", "key", _build) / "content").read_text()


def test_processes_that_ask_at_once_build_once():
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(_ask, range(3), chunksize=1) == ["whole"] * 3
    assert Path("builds").read_text() == "built\n"


def test_another_key_is_built_anew():
    assert cached("thing", "a", lambda _: None) != cached("thing", "b", lambda _: None)


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """As where HOME is /nonexistent, and this is no root: nothing can be made there."""
    monkeypatch.delenv("SEARCH_CACHE_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(cache.tempfile, "tempdir", None)
    usual = tmp_path / "nonexistent" / ".cache" / "search"
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda name: str(usual))
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and writable(path, mode))
    return tmp_path / f"search-{os.getuid()}"


def test_without_a_home_the_cache_is_a_private_folder(no_home):
    assert cached("thing", "key", lambda folder: None).is_relative_to(no_home)
    assert no_home.stat().st_mode & 0o777 == 0o700
    assert cache.cache_folder() == no_home


def test_a_folder_of_that_name_that_others_can_write_is_refused(no_home):
    no_home.mkdir(mode=0o777)
    no_home.chmod(0o777)

    with pytest.raises(PermissionError, match="set SEARCH_CACHE_DIR"):
        cache.cache_folder()


def test_without_a_home_at_all_nothing_lands_in_the_working_folder(no_home, monkeypatch):
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda name: "~no-such-user/.cache")

    assert cache.cache_folder() == no_home
