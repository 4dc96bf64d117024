"""Names of a user's own functions, module:FUNCTION, where one of ours may stand, too."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_own", "own_modules"]


def is_own(name: str) -> bool:
    """Whether it names a user's own function, and is none of ours by name."""
    return ":" in name


def own_modules(names: Iterable[str]) -> set[str]:
    """The modules of those that are a user's own."""
    return {name.partition(":")[0] for name in names if is_own(name)}
