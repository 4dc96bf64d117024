"""Which commit a task's code is of, where Git keeps it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from search.tasks.defined_here import MAIN
from search.tasks.registry import NAMES, module_file

__all__ = ["commit_of"]

_PATIENCE_S = 5.0  # a working tree on a slow disk is looked through


def commit_of(task: str) -> dict[str, Any]:
    """{"commit": its hash, "changed": whether a file that Git keeps differs from it}, of the
    repository that keeps the task's module; {} where none does."""
    file = _file_of(task)
    if file is None or _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return {}
    commit = _git(file.parent, "rev-parse", "HEAD")
    changed = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changed)} if commit and changed is not None else {}


def _file_of(task: str) -> Path | None:
    if task in NAMES:
        return Path(__file__)
    module = task.partition(":")[0]
    if module == MAIN:
        import __main__

        found = getattr(__main__, "__file__", None)
    else:
        found = module_file(module)
    return Path(found).resolve() if found else None


def _git(folder: Path, *arguments: str) -> str | None:
    """What it prints; None where it fails, or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
