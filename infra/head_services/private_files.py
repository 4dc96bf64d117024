"""Files that only their owner reads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    with private_file(path) as file:
        file.write(text)


@contextlib.contextmanager
def private_file(path: Path) -> Any:
    """A file of mode 0600 from its first byte on, there whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        yield file
    new.replace(path)
