"""The service that processes share a card by is ours from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gpu import mps
from tests.gpu.mps import PROGRAM, NoServiceError, service

Install = Callable[[str], None]

# Told "quit" through its pipe by a second call, as the real one is by its own.
SOUND = """
if [ "$1" = -f ]; then
  echo $$ > "$LOG/pid"
  mkfifo "$CUDA_MPS_PIPE_DIRECTORY/control"
  read -r said < "$CUDA_MPS_PIPE_DIRECTORY/control"
  echo "$said" > "$LOG/said"
else
  cat > "$CUDA_MPS_PIPE_DIRECTORY/control"
fi
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a program in NVIDIA's place, and none other within reach."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path))

    def write(script: str) -> None:
        (tmp_path / PROGRAM).write_text(f"#!/bin/sh\n{script}")
        (tmp_path / PROGRAM).chmod(0o755)

    return write


def test_it_is_started_in_a_folder_of_its_own_and_told_to_quit(
    install: Install, tmp_path: Path
) -> None:
    install(SOUND)

    with service() as environment:
        folder = Path(environment["CUDA_MPS_PIPE_DIRECTORY"])
        assert environment.keys() == {"CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"}
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)

    assert (tmp_path / "said").read_text() == "quit\n"
    assert not folder.exists()
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_ends_with_a_block_that_fails(install: Install, tmp_path: Path) -> None:
    install(SOUND)

    with pytest.raises(ValueError, match="no card"), service():
        raise ValueError("no card")

    assert (tmp_path / "said").read_text() == "quit\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "is not installed"),
        ("echo An instance of this daemon is already running; exit 1", "1: An instance of this"),
        ("sleep 100", "not ready after 0 s"),
    ],
)
def test_where_there_is_none_the_reason_is_told(
    install: Install, monkeypatch: pytest.MonkeyPatch, script: str | None, reason: str
) -> None:
    monkeypatch.setattr(mps, "STARTING_S", 0.3)
    monkeypatch.setattr(mps, "ENDING_S", 0.3)
    if script is not None:
        install(f"exec {script}" if script.startswith("sleep") else script)

    with pytest.raises(NoServiceError, match=reason), service():
        pass
