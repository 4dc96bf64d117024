"""Which commit a task's code is of, by real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from search.tasks.git import commit_of
from tests.conftest import needs


def git(folder: Path, *arguments: str) -> str:
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    command = ["git", "-C", str(folder), *me, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@needs("git")
def test_of_a_module_that_git_keeps_it_is_the_commit(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kept_by_git.py").write_text("TASK = 1\n")
    assert commit_of("kept_by_git:TASK") == {}
    git(tmp_path, "init")
    assert commit_of("kept_by_git:TASK") == {}
    git(tmp_path, "add", "kept_by_git.py")
    git(tmp_path, "commit", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not kept\n")
    assert commit_of("kept_by_git:TASK") == {"commit": commit, "changed": False}
    (tmp_path / "kept_by_git.py").write_text("TASK = 2\n")
    assert commit_of("kept_by_git:TASK") == {"commit": commit, "changed": True}


@pytest.mark.parametrize("task", ["nowhere_at_all:TASK", "numpy:float64", "sys:path"])
def test_of_what_git_does_not_keep_nothing_is_told(task):
    assert commit_of(task) == {}


def test_without_git_nothing_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert commit_of("tests.curve_task:TASK") == {}
