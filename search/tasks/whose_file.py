"""Whose a file of Python code is: a user's own, ours, or what Python and packages install."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["is_in_trainables", "is_of_the_user", "is_ours"]

_ROOT = Path(__file__).resolve().parents[2]
_OURS = tuple(_ROOT / package for package in ("search", "spaces", "trainables"))
_INSTALLED = ("site-packages", "dist-packages")


def is_ours(path: Path) -> bool:
    return any(path.resolve().is_relative_to(folder) for folder in _OURS)


def is_in_trainables(path: Path) -> bool:
    """Whether it is the code of a task of ours, or what a user's may call."""
    return any(path.resolve().is_relative_to(folder) for folder in _OURS[1:])


def is_of_the_user(path: Path) -> bool:
    """Neither Python's, nor installed, nor ours."""
    if not path.is_absolute() and not path.is_file():
        # As Cython's code names its files.
        return False
    path = path.resolve()
    installed = any(part in _INSTALLED for part in path.parts)
    return not installed and not is_ours(path) and not any(map(path.is_relative_to, _pythons()))


@functools.cache
def _pythons() -> tuple[Path, ...]:
    import site
    import sysconfig

    found = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(Path(folder).resolve() for folder in found)
