from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.machines.nvidia import Nvidia


@pytest.fixture
def nvidia(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Nvidia]:
    """A machine whose cards are what the test says."""
    machine = Nvidia(tmp_path_factory.mktemp("nvidia"), monkeypatch)
    yield machine
    machine.forget()
