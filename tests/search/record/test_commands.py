"""Commands that a user is told to type find the record from here, and can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from search.record.commands import command
from search.record.record import open_record


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("studies", []),
        ("it's 100%; $HOME", ["--studies-dir", "it's 100%; $HOME"]),
        ("-s", ["--studies-dir=-s"]),
    ],
)
def test_a_folder_of_any_name(tmp_path: Path, monkeypatch, folder, options):
    monkeypatch.chdir(tmp_path)
    record = open_record(Path(folder), create=True)

    assert shlex.split(command(record, "sync s")) == [
        "python",
        "-m",
        "search",
        "sync",
        "s",
        *options,
    ]


def test_the_usual_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEARCH_STUDIES_DIR", "~/kept")

    assert command(open_record(tmp_path / "kept", create=True), "list") == "python -m search list"
    elsewhere = open_record(tmp_path / "other", create=True)
    assert command(elsewhere, "list").endswith(f"--studies-dir {tmp_path / 'other'}")
