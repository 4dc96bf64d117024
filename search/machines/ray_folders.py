"""The files that Ray wants: its token, and a folder for its sockets, wherever this machine lets us
have them."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search.errors import ClusterError

__all__ = ["own_token", "session_root", "shared_token", "token_file"]

_TOKEN, _TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
# What Ray puts below its folder, at its longest; a socket's address has 107 bytes.
_SOCKET = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.1"
_ADDRESS_BYTES = 107


def own_token() -> None:
    """For a Ray of our own: the user's, or, where there can be none, one for this process and those
    that it starts."""
    if os.environ.get(_TOKEN):
        return
    try:
        os.environ[_TOKEN_PATH] = str(token_file())
    except (ClusterError, OSError, RuntimeError):  # a home that is not there, or not writable
        os.environ[_TOKEN] = secrets.token_hex(32)


def shared_token() -> None:
    """For a cluster, whose token it must be. Raises ClusterError."""
    if os.environ.get(_TOKEN):
        return
    try:
        os.environ[_TOKEN_PATH] = str(token_file())
    except (OSError, RuntimeError) as error:
        raise ClusterError(
            f"there is no place for the cluster's token ({error}): put the head's into a file that "
            f"${_TOKEN_PATH} names"
        ) from None


def token_file() -> Path:
    """Ray's token, made if it is not there, readable by its owner only; never printed.

    Raises ClusterError where it holds no token, OSError, RuntimeError (no home).
    """
    path = Path(os.environ.get(_TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        _write_token(path)
    if not _is_token(path.read_bytes()):
        raise ClusterError(
            f"{path} holds no token: it is cut short or of something else; copy the cluster's "
            "there, or delete it, and a new one is made"
        )
    if stat.S_IMODE(path.stat().st_mode) != 0o600:
        path.chmod(0o600)
    return path


def _write_token(path: Path) -> None:
    """Whole or not at all: another process may want it now. The first one stands."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # empty, which is of no use to anyone
            partial.replace(path)
            return
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _is_token(content: bytes) -> bool:
    """Something that can be sent in a header; Ray takes any, but guessed must it not be."""
    text = content.strip()
    return len(text) >= 16 and text.isascii() and text.decode().isprintable() and b" " not in text


def session_root() -> Path | None:
    """Where a Ray of our own keeps its sessions; None: where it would anyway.

    Raises ClusterError if no folder has so short a name that its sockets fit, and can be written.
    """
    usual = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray"
    if _fits(usual) and _can_hold(usual):
        return None
    for folder in _others():
        if _fits(folder) and _can_hold(folder):
            return folder
    raise ClusterError(
        f"Ray has no place for its sockets: their addresses have at most {_ADDRESS_BYTES} bytes, "
        f"and {usual} is too long or cannot be written, as is /tmp; set RAY_TMPDIR to a short "
        "path that can be"
    )


def _others() -> Iterator[Path]:
    for base in ("/tmp", "/var/tmp", "/dev/shm", f"/run/user/{os.getuid()}"):
        yield Path(base, "ray")
        yield Path(base, f"ray-{os.getuid()}")  # the other is another user's, perhaps


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder.absolute())) + len(_SOCKET) <= _ADDRESS_BYTES


def _can_hold(folder: Path) -> bool:
    there = folder.exists()
    return os.access(folder if there else folder.parent, os.W_OK | os.X_OK)
