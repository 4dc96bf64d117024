"""Commands that a user is told to type, or to paste, where the options were not typed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from search.files.defaults import default_studies_dir
from search.files.typed import typed_option

__all__ = ["command"]


class Located(Protocol):
    """A record, by where it is."""

    @property
    def folder(self) -> Path: ...
    @property
    def url(self) -> str | None: ...


def command(record: Located, text: str) -> str:
    """`python -m search TEXT`, with the options by which it finds this record from here."""
    usual = default_studies_dir()
    if record.folder != usual.resolve():
        text += f" {typed_option('--studies-dir', _short(record.folder))}"
    if record.url is not None and record.url != os.environ.get("SEARCH_RECORD"):
        text += f" {typed_option('--record', record.url)}"
    return f"python -m search {text}"


def _short(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
