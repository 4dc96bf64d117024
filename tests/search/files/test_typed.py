"""Paths as users give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.files.typed import typed_path, typed_storage
from trainables.cache import cache_folder
from trainables.data import data_folders


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_tilde_is_the_home_folder(home):
    assert typed_path("~/data") == home / "data"
    assert typed_path("~") == home
    assert typed_storage("~/kept") == str(home / "kept")
    assert typed_storage("s3://bucket/~/kept") == "s3://bucket/~/kept"


@pytest.mark.parametrize(
    "text", ["~nobody-of-this-name", "./~", "a/~/b", "/data", "100% [a]?#", ""]
)
def test_all_else_is_as_it_is(text):
    assert typed_path(text) == Path(text)


def test_the_environment_may_hold_it(home, monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", "~/my data")
    monkeypatch.setenv("SEARCH_CACHE_DIR", "~/cached")

    assert data_folders()[0] == home / "my data"
    assert cache_folder() == home / "cached"
