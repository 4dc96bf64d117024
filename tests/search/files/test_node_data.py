"""Prepared data on several nodes, played by one process with a cache for each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.errors import StorageError
from search.files import node_data
from search.files.storage import Store


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "sts-123"
    (folder / "more").mkdir(parents=True)
    (folder / "a.npy").write_bytes(os.urandom(100))
    (folder / "more" / "b.npy").write_bytes(os.urandom(2_000_000))
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_data_is_put_once_and_fetched_by_a_node_once(store, prepared, tmp_path, monkeypatch):
    key = node_data.upload_data(store, prepared)
    written = len(store.keys())
    fetched: list[str] = []
    get = Store.get
    monkeypatch.setattr(Store, "get", lambda *a: fetched.append(a[1]) or get(*a))

    for node in ("A", "B"):
        monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / node))
        folders = {node_data.fetch_data(store, key, prepared) for _ in range(3)}
        assert len(folders) == 1
        folder = folders.pop()
        assert folder.is_relative_to(tmp_path / node)
        assert folder.name == prepared.name
        assert _content(folder) == _content(prepared)
    assert len(fetched) == 2 * 2
    assert node_data.upload_data(store, prepared) == key
    assert len(store.keys()) == written == 3


@pytest.mark.parametrize("what", ["a.npy", "index.json", "a.npy and its manifest"])
def test_altered_data_is_refused_by_name(store, prepared, tmp_path, monkeypatch, what):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "A"))
    key = node_data.upload_data(store, prepared)
    if "and" in what:
        store.put_bytes(f"data/{key}/a.npy", b"other")
    else:
        with store._files.open_output_stream(store._path(f"data/{key}/{what}")) as file:
            file.write(b"{}")

    with pytest.raises(StorageError, match=f"data/{key}.* lost or damaged"):
        node_data.fetch_data(store, key, prepared)
    assert not list((tmp_path / "A").rglob("a.npy"))


def test_an_upload_of_data_that_was_cut_is_completed(store, prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "A"))
    key = node_data.upload_data(store, prepared)
    store.delete(f"data/{key}/more")
    store.delete(f"data/{key}/index.json")

    assert node_data.upload_data(store, prepared) == key
    assert _content(node_data.fetch_data(store, key, prepared)) == _content(prepared)


def test_data_made_in_memory_stays_where_it_is(store, prepared):
    assert node_data.upload_data(store, Path(".")) == ""
    assert node_data.upload_data(None, prepared) == ""
    assert node_data.fetch_data(store, "", Path(".")) == Path(".")
    assert node_data.fetch_data(None, "", prepared) == prepared
    assert store.keys() == []
