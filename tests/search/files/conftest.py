"""A storage of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.files.storage import Store, open_store


@pytest.fixture(params=("folder", "s3"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        return open_store(str(tmp_path / "shared"))
    return open_store(request.getfixturevalue("s3").uri(tmp_path.name))
