"""Text that can be written anywhere: as UTF-8, and into every database."""

from __future__ import annotations

__all__ = ["one_line", "writable"]


def writable(text: str) -> str:
    """The text, with what UTF-8 or PostgreSQL cannot hold (half a surrogate pair, as in the name of
    a file that is no UTF-8; NUL) as Python would escape it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def one_line(text: str) -> str:
    """The text for a line of a terminal: control characters and line ends are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
