"""What a process uses."""

from __future__ import annotations

import sys
import time
import types
from typing import Any

import pytest

from search.driver.usage import usage


def test_without_a_card_it_is_memory_alone_and_costs_next_to_nothing() -> None:
    begun = time.perf_counter()
    for _ in range(100):
        found = usage(gpus=0)
    assert list(found) == ["memory_mib"]
    assert 10 < found["memory_mib"] < 1e6
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("error", [None, ModuleNotFoundError("pynvml"), RuntimeError("driver")])
def test_of_a_card_all_that_is_known(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """The card itself is played: there is none."""

    def utilization() -> int:
        if error is not None:
            raise error
        return 55

    calls: list[str] = []
    cuda: Any = types.SimpleNamespace(
        is_initialized=lambda: True,
        max_memory_allocated=lambda: 3 * 2**20,
        reset_peak_memory_stats=lambda: calls.append("reset"),
        utilization=utilization,
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))  # type: ignore[arg-type]
    found = usage(gpus=0.5)
    assert found["gpu_memory_mib"] == 3.0
    assert found.get("gpu_percent") == (55.0 if error is None else None)
    assert calls == ["reset"]
