"""Tasks that are defined in a notebook, or in the script that runs a study.

No other process can import them by name: to do so would run the notebook or the script again. They
travel by value, in a file of a folder that child processes (workers, delivery to MLflow) find by
an environment variable and that goes with this process.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from search.errors import UserError
from search.tasks.task import Task

__all__ = ["MAIN", "find_defined_here", "name_of"]

# The "module" in such a task's name.
MAIN = "__main__"
_VARIABLE = "SEARCH_TASKS_DEFINED_HERE"

_defined: dict[str, Task] = {}
_folder: tempfile.TemporaryDirectory[str] | None = None


def name_of(task: Task) -> str:
    """The name by which `find_task` finds it: `module:ATTRIBUTE` of a module that can be imported,
    else by value. Raises UserError for what cannot travel."""
    module = sys.modules.get(task.space.__module__)
    if module is not None and module.__name__ != MAIN:
        for attribute, value in vars(module).items():
            if value is task:
                return f"{module.__name__}:{attribute}"
    return _keep(task)


def find_defined_here(name: str) -> Task:
    """By a name of `name_of`. Raises UserError where it was defined elsewhere."""
    if name not in _defined:
        import cloudpickle

        folder, file = os.environ.get(_VARIABLE), _file_name(name)
        path = Path(folder or "/nowhere") / file
        # A record names the task, and may be somebody else's: never a file of another folder.
        if not folder or path.name != file or "\0" in file or not path.is_file():
            raise UserError(
                f"task {name} was defined in a notebook or script: define it again there, then "
                "search.load(NAME, task=…)"
            )
        # A file of our own parent process, in a folder of its own.
        _defined[name] = cloudpickle.loads(path.read_bytes())
    return _defined[name]


def _keep(task: Task) -> str:
    import cloudpickle

    global _folder
    name = f"{MAIN}:{task.name}"
    try:
        content = cloudpickle.dumps(task)
    except Exception as error:
        # Whatever a library's object says of its own pickling.
        raise UserError(
            f"task {task.name} is defined in a notebook or script, and cannot be handed to the "
            f"processes that train ({type(error).__name__}: {error}): put it into a module"
        ) from None
    if _folder is None:
        _folder = tempfile.TemporaryDirectory(prefix="search-tasks-")
        os.environ[_VARIABLE] = _folder.name
    path = Path(_folder.name) / _file_name(name)
    path.write_bytes(content)
    _defined[name] = task
    return name


def _file_name(name: str) -> str:
    return f"{name.partition(':')[2]}.pickle"
