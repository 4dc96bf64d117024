"""Files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def write_private(path: Path, text: str) -> None:
    with private_file(path) as file:
        file.write(text)


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[IO[str]]:
    """To write: mode 0600 from its first byte on, and in place whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        yield file
    new.replace(path)
