"""Studies of the task whose truth is known, how they are promoted, and what is then on record."""

from __future__ import annotations

from typing import Any

from tests.conftest import Place

COIN = "tests.coin_task:TASK"
PROMOTE = ("--top", "3", "--runs", "6", "--final-seeds", "3")
CONFIRMED, FINAL = 3 * 2, 3  # runs
SEARCH = (
    *(COIN, "--trials", "9", "--workers", "2", "--scheduler", "none", "--quiet"),
    *("--set", "epoch_s=0.1"),
)


def events(place: Place, study: str, kind: type) -> list[Any]:
    """None where there is no such study yet."""
    if all(known.name != study for known in place.record.studies()):
        return []
    recorded = place.record.events(place.record.study(study))
    return [event for _, _, event in recorded if isinstance(event, kind)]
