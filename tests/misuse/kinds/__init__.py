"""The list of tries, kind by kind."""

from __future__ import annotations

from tests.misuse.kinds import (
    decisions,
    functions,
    machines,
    names,
    numbers,
    options,
    processes,
    records,
    spaces,
    states,
    streams,
    tasks,
    tracking,
)
from tests.misuse.tries import Try

__all__ = ["KINDS", "all_tries"]

KINDS = {
    kind.__name__.rpartition(".")[2]: kind
    for kind in (
        functions,
        tasks,
        spaces,
        states,
        numbers,
        names,
        options,
        streams,
        processes,
        records,
        tracking,
        machines,
        decisions,
    )
}


def all_tries() -> list[tuple[str, Try]]:
    """Each with its kind's name."""
    return [(name, each) for name, kind in KINDS.items() for each in kind.tries()]
