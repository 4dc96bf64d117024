"""CUDA's Multi-Process Service: processes share a card at the same moment, not in turns."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["NoServiceError", "service"]

PROGRAM = "nvidia-cuda-mps-control"
STARTING_S = 10.0
ENDING_S = 10.0


class NoServiceError(Exception):
    """It is not there, or not allowed."""


@contextmanager
def service() -> Iterator[dict[str, str]]:
    """The environment of processes that use a service of our own, which ends with the block.

    The card's settings stay as they are. Raises NoServiceError with the reason.
    """
    if shutil.which(PROGRAM) is None:
        raise NoServiceError(f"{PROGRAM} is not installed")
    # Another user's, or one that the machine runs anyway, has its own folder.
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        names = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
        environment = dict.fromkeys(names, folder)
        # In the foreground: it is ours to end, and ends with us if we are killed.
        server = subprocess.Popen(
            [PROGRAM, "-f"],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_for(server, folder)
            yield environment
        finally:
            _end(server, environment)


def _wait_for(server: subprocess.Popen[str], folder: str) -> None:
    """Until its pipe is there."""
    until = time.monotonic() + STARTING_S
    while not os.path.exists(f"{folder}/control"):
        if server.poll() is not None:
            assert server.stdout is not None
            said = " ".join(server.stdout.read().split())
            raise NoServiceError(f"{PROGRAM} ended with {server.returncode}: {said}")
        if time.monotonic() > until:
            raise NoServiceError(f"{PROGRAM} is not ready after {STARTING_S:.0f} s")
        time.sleep(0.05)


def _end(server: subprocess.Popen[str], environment: dict[str, str]) -> None:
    if server.poll() is None:
        try:
            subprocess.run(
                [PROGRAM],
                input="quit\n",
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=ENDING_S,
            )
            server.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            pass
    server.kill()
    server.communicate()
