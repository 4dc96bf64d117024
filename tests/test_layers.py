"""Imports go one way: cli → service → tasks → {spaces, trainables} (pyproject.toml)."""

from pathlib import Path

from importlinter import cli


def test_the_layer_rules_hold(monkeypatch):
    monkeypatch.chdir(Path(__file__).resolve().parent.parent)

    code = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert code == cli.EXIT_STATUS_SUCCESS, "run `lint-imports` to see which import breaks a rule"
