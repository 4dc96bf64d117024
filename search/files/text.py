"""Text that can be written anywhere: as UTF-8, and into every database."""

from __future__ import annotations

import io
import sys
from pathlib import Path

__all__ = ["escape_what_cannot_be_printed", "one_line", "writable", "write_whole"]


def escape_what_cannot_be_printed(encoding: str | None = None) -> None:
    """From now on, of what stdout and stderr print. `encoding`: in place of the locale's, where
    they lead to a file of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def writable(text: str) -> str:
    """The text, with what UTF-8 or PostgreSQL cannot hold (half a surrogate pair, as in the name of
    a file that is no UTF-8; NUL) as Python would escape it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def write_whole(text: str, path: Path) -> Path:
    """The file, whole or not at all; its folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def one_line(text: str) -> str:
    """The text for a line of a terminal: control characters and line ends are escaped, and what
    would not be seen (nothing, spaces at an end) is in quotes."""
    if text != text.strip(" ") or not text:
        return repr(text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
