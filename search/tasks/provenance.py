"""What a study's results depend on beside its configuration and seed."""

from __future__ import annotations

import dis
import functools
import hashlib
import importlib.metadata
import inspect
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from search.tasks.defined_here import MAIN
from search.tasks.imports import Reached, file_hash, reach
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = ["changes", "depends_on"]

_VERSIONS = ("gensim", "mlflow", "numpy", "optuna", "ray", "scipy", "torch", "torchvision")
# Of this project, what decides on results.
_PACKAGES = ("search/decisions", "search/driver", "search/tasks", "spaces", "trainables")
_NAMED = 5  # files that are told of by name


def depends_on(
    task: Task, prepared: Prepared, name: str = "", own: Iterable[str] = ()
) -> dict[str, Any]:
    """Hashes and versions, as they are kept on record. `name`: the task's, as find_task takes it.
    `own`: modules of a user's own sampler or scheduler.

    "code" is this project's, "files" are the user's own modules, "versions" the packages' that
    either uses.
    """
    values = _made_of(task)
    sources, modules = _in_main(values)
    modules |= {module for value in values for module in _modules_of(value)}
    module, _, attribute = name.partition(":")
    modules = modules.union(own, {module} if attribute and module != MAIN else ())
    reached = reach(modules)
    files = {module: file_hash(path) for module, path in sorted(reached.files.items())}
    if sources:
        files[MAIN] = hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16]
    return {
        "code": _code_hash(),
        "files": files,
        "data": prepared.hash,
        "space": hashlib.sha256(_source(task.space).encode()).hexdigest(),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in (*_VERSIONS, *_used(reached))},
        },
    }


def changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs now from what was, a text each: "code 12ab34 → 56cd78".

    A package that was not in use, or not on record by an older version of this project, differs by
    the files that use it.
    """
    found = [
        f"{name} {was[name][:12]} → {now[name][:12]}"
        for name in ("code", "data", "space")
        if was[name] != now[name]
    ]
    found += _changed_files(was.get("files", now["files"]), now["files"])
    for name, version in now["versions"].items():
        if was["versions"].get(name, version) != version:
            found.append(f"{name} {was['versions'][name]} → {version}")
    return found


def _changed_files(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    found = []
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name, "none"), now.get(name, "none")
        if before != after:
            found.append(f"module {name} {before[:6]} → {after[:6]}")
    more = [f"{len(found) - _NAMED} modules more"] if len(found) > _NAMED else []
    return found[:_NAMED] + more


@functools.cache
def _code_hash() -> str:
    """SHA-256 over the sources of this project that results depend on."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _used(reached: Reached) -> list[str]:
    """The distributions that a user's own files import from."""
    packages = reached.packages.difference(_VERSIONS)
    known = _distributions() if packages else {}
    return sorted({each for package in packages for each in known.get(package, ())})


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """By the top names of what they install. It takes a quarter of a second."""
    return importlib.metadata.packages_distributions()


def _made_of(task: Task) -> list[Any]:
    """All of a task that is code, or names some."""
    data: Any = task.data
    parts = () if isinstance(data, ModuleType) else getattr(data, "__dict__", {}).values()
    functions = (task.space, task.train, task.config, task.first_points, task.checkpoint_mib)
    return [*functions, task.figures, task.model, data, *filter(callable, parts)]


def _modules_of(value: Any) -> Iterator[str]:
    """The names of the modules that `value` is from, or names."""
    if isinstance(value, str):
        yield value.partition(":")[0]
    elif isinstance(value, ModuleType):
        yield value.__name__
    elif isinstance(value, functools.partial):
        for inner in (value.func, *value.args, *value.keywords.values()):
            if callable(inner) or isinstance(inner, ModuleType):
                yield from _modules_of(inner)
    elif value is not None:
        yield getattr(value, "__module__", None) or type(value).__module__


def _in_main(values: list[Any]) -> tuple[list[str], set[str]]:
    """Of a task of a notebook, or of the script that runs: the text of what it is made of there,
    and the modules that this uses. The rest of the script is no part of it."""
    sources, modules, seen, waiting = list[str](), set[str](), set[int](), list(values)
    while waiting:
        value = waiting.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, functools.partial):
            waiting += [value.func, *filter(callable, (*value.args, *value.keywords.values()))]
            continue
        if isinstance(value, str) or getattr(value, "__module__", None) != MAIN:
            continue
        sources.append(_source(value))
        for used, name in _globals_of(value):
            if callable(used) and getattr(used, "__module__", None) == MAIN:
                waiting.append(used)
            elif callable(used) or isinstance(used, ModuleType):
                modules |= set(_modules_of(used))
            elif used is None or isinstance(used, str | bytes | int | float | tuple):
                sources.append(f"{name} = {_stable(used)}")
    return sources, modules


def _globals_of(value: Any) -> Iterator[tuple[Any, str]]:
    """What a function, or the methods of a class or of an object, use of their module by name."""
    if not hasattr(value, "__code__"):
        kind = value if isinstance(value, type) else type(value)
        yield from ((base, base.__name__) for base in kind.__mro__[1:])
        for method in vars(kind).values():
            function = getattr(method, "__func__", method)
            if getattr(function, "__module__", None) == MAIN and hasattr(function, "__code__"):
                yield from _globals_of(function)
        return
    for name in sorted(_names_in(value.__code__)):
        if name in value.__globals__:
            yield value.__globals__[name], name


def _names_in(code: CodeType) -> set[str]:
    """Without those that it sets, as a counter is."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    kept = {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL"}
    return set(code.co_names).union(*map(_names_in, inner)) - kept


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
