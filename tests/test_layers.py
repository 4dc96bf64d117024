"""Imports go one way: cli → service → tasks → {spaces, trainables} (pyproject.toml)."""

import pkgutil
from pathlib import Path

from importlinter import cli

import search


def test_the_layer_rules_hold(monkeypatch):
    monkeypatch.chdir(Path(__file__).resolve().parent.parent)

    code = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert code == cli.EXIT_STATUS_SUCCESS, "run `lint-imports` to see which import breaks a rule"


def test_no_module_hides_a_call():
    """Once a module of that name is imported, `search.doctor` would be the module."""
    modules = {module.name for module in pkgutil.iter_modules(search.__path__)}

    assert not modules & set(search.__all__)
