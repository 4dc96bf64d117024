"""Where data is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.data import data_folders, find


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_data_folders_are_searched_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path / "named"))
    folders = [tmp_path / "named", Path("data"), Path("../shared/data"), tmp_path / "cache/data"]
    assert data_folders() == folders
    for folder in reversed(folders):
        (folder / "corpus").mkdir(parents=True)
        assert find("corpus") == (folder / "corpus").resolve()


def test_a_given_folder_is_the_only_place(tmp_path):
    Path("data/corpus").mkdir(parents=True)
    assert find("corpus", tmp_path) is None
