"""The files of a user's own that a task reaches by its imports, and the packages that these use.

Read, not run: a driver need not import torch to know what a training function imports. What a
module imports by a name that is computed is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from search.errors import UserError
from search.tasks.whose_file import is_of_the_user, is_ours

__all__ = [
    "ChangedCodeError",
    "LoadedFiles",
    "Reached",
    "file_hash",
    "is_there",
    "reach",
]


@dataclass
class Reached:
    """`files`: a module's name → its file. `packages`: the top names of what others have made."""

    files: dict[str, Path] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)


def reach(roots: Iterable[str]) -> Reached:
    """From these modules on, by name, along the imports of a user's own files."""
    reached, waiting, seen = Reached(), list(roots), set[str]()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in sys.stdlib_module_names or top in reached.packages:
            continue
        seen.add(name)
        spec = _find(name)
        if spec is None:
            # What `from module import name` may mean, and is not; or it is not installed.
            continue
        places = [spec.origin] if spec.has_location else spec.submodule_search_locations or []
        path = Path(next((str(place) for place in places), "/nowhere"))
        if is_ours(path):
            continue
        if not is_of_the_user(path):
            reached.packages.add(top)
            continue
        waiting.append(name.rpartition(".")[0] or name)
        if path.is_file():
            reached.files[name] = path
            waiting.extend(_imported_by(path, spec))
    return reached


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def is_there(module: str) -> bool:
    """Whether a module could be imported. Imports nothing."""
    return module in sys.modules or _find(module) is not None


class ChangedCodeError(UserError):
    """A trial would train by other code than the study's."""


class LoadedFiles:
    """Holds a process that trains to the files that its study began with."""

    def __init__(self, expected: Mapping[str, str]) -> None:
        """`expected`: a module's name → its file's hash. What a notebook defines has none."""
        self._expected = {name: expected[name] for name in expected if name != "__main__"}

    def compare(self) -> None:
        """Look at what was imported since the last time; raises ChangedCodeError.

        What was imported earlier stays in memory as it was, whatever becomes of its file.
        """
        for name in [name for name in self._expected if name in sys.modules]:
            file = getattr(sys.modules[name], "__file__", None)
            path = Path(file or "/nowhere")
            if file and (not path.is_file() or file_hash(path) != self._expected[name]):
                raise ChangedCodeError(
                    f"module {name} ({path.name}) has changed since the study began, and a trial "
                    "would train by the new one: put it back, or go on with it by `resume` with "
                    "--accept-changes"
                )
            del self._expected[name]


def _find(name: str) -> ModuleSpec | None:
    """Where a module is. Imports nothing: `importlib.util.find_spec` imports a name's parents."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", list(spec.submodule_search_locations))
    return spec


def _imported_by(path: Path, spec: ModuleSpec) -> Iterator[str]:
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        # It cannot be imported either.
        return
    package = spec.name if spec.submodule_search_locations is not None else spec.parent
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            try:
                module = importlib.util.resolve_name(relative, package)
            except ImportError:
                continue
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = node.args[0] if node.args else None
            if called in ("import_module", "__import__") and isinstance(given, ast.Constant):
                yield str(given.value)
