"""Paths as users type them: a leading ~ is the home folder, also where no shell has read it (in the
environment, in quotes, in Python)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

__all__ = ["typed_option", "typed_path", "typed_storage"]


def typed_path(text: str | Path) -> Path:
    # Not Path.expanduser, which raises where there is no home, or no such user.
    return Path(os.path.expanduser(text))


def typed_storage(text: str) -> str:
    """A folder, or an address, which stays as it is."""
    return os.path.expanduser(text)


def typed_option(name: str, value: object) -> str:
    """An option as it can be pasted into a shell."""
    text = str(value)
    # argparse takes what begins with a dash for another option.
    return f"{name}{'=' if text.startswith('-') else ' '}{shlex.quote(text)}"
