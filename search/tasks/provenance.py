"""What a study's results depend on beside its configuration and seed."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.tasks.defined_here import MAIN
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = ["changes", "depends_on"]

_VERSIONS = ("gensim", "mlflow", "numpy", "optuna", "ray", "scipy", "torch", "torchvision")


def depends_on(task: Task, prepared: Prepared) -> dict[str, Any]:
    """Hashes and versions, as they are kept on record."""
    return {
        "code": _code_hash(task),
        "data": prepared.hash,
        "space": hashlib.sha256(_source(task.space).encode()).hexdigest(),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _VERSIONS},
        },
    }


def changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs now from what was, a line each: "code 12ab34 → 56cd78"."""
    found = [
        f"{name} {was[name][:12]} → {now[name][:12]}"
        for name in ("code", "data", "space")
        if was[name] != now[name]
    ]
    for name, version in now["versions"].items():
        if was["versions"].get(name) != version:
            found.append(f"{name} {was['versions'].get(name)} → {version}")
    return found


def _code_hash(task: Task) -> str:
    """SHA-256 over the sources of search, trainables, spaces and a user's own task."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in ("search", "spaces", "trainables"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    digest.update(_own_code(task))
    return digest.hexdigest()


def _own_code(task: Task) -> bytes:
    """The file in which a task's space is defined; of a task of a notebook or of the script that
    runs, where the rest of the file is no part of it, what it is made of."""
    if task.space.__module__ != MAIN:
        space: Any = task.space
        while isinstance(space, functools.partial):
            space = space.func
        if not hasattr(space, "__qualname__"):
            space = type(space)
        return Path(inspect.getfile(space)).read_bytes()
    data = getattr(task.data, "__dict__", {}).values()
    parts = [part for part in (task.space, task.train, task.config, *data) if callable(part)]
    return "\n".join(map(_source, parts)).encode()


def _stable(value: Any) -> str:
    """A text that is the same in each process: what `repr` gives may hold an address."""
    if value is None or isinstance(value, str | bytes | int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"{[_stable(inner) for inner in value]}"
    return _source(value) if callable(value) else type(value).__qualname__


def _source(function: Any) -> str:
    """Its text, or where that is not known (typed at a prompt) its compiled form; of a partial what
    it is made of, of a callable object its class."""
    if isinstance(function, functools.partial):
        given = [*enumerate(function.args), *sorted(function.keywords.items())]
        return f"{_source(function.func)} {[(name, _stable(value)) for name, value in given]}"
    if not hasattr(function, "__qualname__"):
        return _source(type(function))
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return repr(getattr(getattr(function, "__code__", None), "co_code", function.__qualname__))
