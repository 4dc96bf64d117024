"""What a study's results depend on: a user's own files, however they are reached, and packages."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from search.tasks import provenance
from search.tasks.imports import reach
from search.tasks.provenance import changes, depends_on
from search.tasks.registry import find_task
from trainables.data import Prepared

TASK = """
import dataclasses
from tests import curve_task
from own_space import space
TASK = dataclasses.replace(curve_task.TASK, space=space, train="own_package.training:train",
                           figures="own_figures:draw", model="own_model")
"""
FILES = {
    "own_task.py": TASK,
    "own_space.py": "def space(trial): return {'x': trial.suggest_float('x', 0, 1)}",
    "own_package/__init__.py": "",
    "own_package/training.py": "from . import losses\nfrom .layers import layer\nimport torch",
    "own_package/losses.py": "import importlib\nimportlib.import_module('own_lazy')",
    "own_package/layers/__init__.py": "def layer():\n    import own_inner",
    "own_package/unused.py": "",
    "own_inner.py": "try:\n    import no_such_module\nexcept ImportError: ...\nimport sklearn.svm",
    "own_lazy.py": "import json, collections.abc",
    "own_figures.py": "",
    "own_model.py": "this is no Python",
}
REACHED = set(FILES) - {"own_package/unused.py"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def _now() -> dict[str, Any]:
    importlib.invalidate_caches()
    return depends_on(find_task("own_task:TASK"), Prepared(folder=Path(), hash=""), "own_task:TASK")


def test_each_file_of_a_user_s_own_that_a_task_reaches_is_known(own):
    found = reach(["own_task", *_now()["files"]])

    files = {str(path.relative_to(own)) for path in found.files.values() if own in path.parents}
    assert files == REACHED
    # Read, not imported.
    assert "own_package.training" not in sys.modules
    assert not any(name.startswith(("search", "trainables", "spaces")) for name in found.files)


def test_packages_that_the_files_use_belong_to_it(own):
    versions = _now()["versions"]

    assert "scikit-learn" in versions
    assert "json" not in versions
    of_sts = depends_on(find_task("sts"), Prepared(folder=Path(), hash=""))
    assert "scikit-learn" not in of_sts["versions"]


@pytest.mark.parametrize("file", sorted(REACHED))
def test_a_change_of_any_of_them_is_told_by_its_name(own, file):
    was = _now()
    (own / file).write_text(FILES[file] + "\n# other")

    [line] = [line for line in changes(was, _now()) if line.startswith("module")]

    assert file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") in line


def test_a_file_that_is_not_reached_changes_nothing(own):
    was = _now()
    (own / "own_package/unused.py").write_text("print()")

    assert changes(was, _now()) == []


def test_many_changes_are_counted(own):
    was = _now()
    for name in REACHED:
        (own / name).write_text(FILES[name] + "\n# other")

    assert len([line for line in changes(was, _now()) if "module" in line]) == 6


def test_an_older_record_knows_no_files_and_fewer_packages(own):
    now = _now()
    was = {**now, "versions": {"torch": now["versions"]["torch"]}}
    del was["files"]

    assert changes(was, now) == []


def test_the_code_of_commands_decides_on_no_result():
    assert not any("cli" in package for package in provenance._PACKAGES)


FACTOR = 2


def _scaled(x: float) -> float:
    return FACTOR * x


def _space(trial: Any) -> dict[str, Any]:
    return {"x": _scaled(trial.suggest_float("x", 0, 1))}


def test_of_a_notebook_its_helpers_and_constants_count(monkeypatch):
    for function in (_space, _scaled):
        monkeypatch.setattr(function, "__module__", "__main__")

    sources, _ = provenance._in_main([_space])
    monkeypatch.setitem(globals(), "FACTOR", 3)
    later, _ = provenance._in_main([_space])

    assert any("def _scaled" in source for source in sources)
    assert set(sources) ^ set(later) == {"FACTOR = 2", "FACTOR = 3"}
