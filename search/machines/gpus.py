"""The NVIDIA cards of this machine: those that are there, and those that this process may use.

Seen by looking: the driver's device files, and what `nvidia-smi` (NVML) answers. No import of
torch, no CUDA context, and no time at all where there is no driver.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

__all__ = ["Card", "Cards", "gpu_count", "gpus_there"]

DEV = Path("/dev")
ANSWER_S = 5.0
_FIELDS = "uuid,name,memory.total,memory.used,driver_version,compute_mode,mig.mode.current"


@dataclass(frozen=True)
class Card:
    """One card, in the words of `nvidia-smi` (_FIELDS); all empty where that is not installed."""

    uuid: str = ""
    name: str = ""
    memory: str = ""
    used: str = ""
    driver: str = ""
    compute_mode: str = ""
    mig: str = ""

    @property
    def shared_by(self) -> str:
        """How trials can share it; empty where they cannot."""
        if self.mig == "Enabled":
            return "MIG devices, named in CUDA_VISIBLE_DEVICES"
        return "several processes" if self.compute_mode == "Default" else ""


@dataclass(frozen=True, kw_only=True)
class Cards:
    """What is there, and why not more is known of it."""

    cards: tuple[Card, ...] = ()
    problem: str = ""


@functools.cache
def gpus_there() -> Cards:
    """The machine's cards, whatever this process may use of them; looked for once."""
    devices = [file for file in DEV.glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name)]
    if not devices:
        return Cards()
    try:
        lines = _ask(f"--query-gpu={_FIELDS}", "--format=csv,noheader")
    except FileNotFoundError:
        problem = "nvidia-smi, the driver's program, is not installed"
        return Cards(cards=tuple(Card() for _ in devices), problem=problem)
    except subprocess.CalledProcessError as error:
        return Cards(problem=f"nvidia-smi: {' '.join((error.stdout or error.stderr).split())}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Cards(problem=f"nvidia-smi does not answer: {error}")
    rows = [line.split(", ") for line in lines]
    cards = tuple(Card(*row) for row in rows if len(row) == len(fields(Card)))
    return Cards(cards=cards, problem="" if cards else f"nvidia-smi: {' '.join(lines)}")


def gpu_count() -> int:
    """The cards, or MIG devices, that this process may use.

    As CUDA reads CUDA_VISIBLE_DEVICES: indices, UUIDs or their first letters, in any mixture; what
    names no card (NoDevFiles, -1, an empty text) ends the list; one named twice leaves none.
    """
    cards = gpus_there().cards
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or not cards:
        return len(cards)
    found: list[str] = []
    for name in visible.split(","):
        device = _device(name.strip(), cards)
        if device is None:
            break
        found.append(device)
    if len(set(found)) < len(found):
        return 0
    return len(found) if cards[0].uuid else min(len(found), len(cards))


def _device(name: str, cards: tuple[Card, ...]) -> str | None:
    """What tells the named device from all others; None where there is no such one."""
    if re.fullmatch(r"\d+", name):
        index = int(name)
        return (cards[index].uuid or name) if index < len(cards) else None
    if not name.startswith(("GPU-", "MIG-")):
        return None
    if not cards[0].uuid:
        # Nothing to hold it against: believed.
        return name
    known = [card.uuid for card in cards] if name.startswith("GPU-") else _mig_devices()
    matching = [uuid for uuid in known if uuid.startswith(name)]
    return matching[0] if len(matching) == 1 else None


@functools.cache
def _mig_devices() -> list[str]:
    """The UUIDs of the parts that cards are cut into."""
    try:
        lines = _ask("-L")
    except (OSError, subprocess.SubprocessError):
        return []
    return [found[1] for line in lines if (found := re.search(r"UUID: (MIG-[^)]+)\)", line))]


def _ask(*arguments: str) -> list[str]:
    """What nvidia-smi prints, line by line. Raises OSError, SubprocessError."""
    done = subprocess.run(
        ["nvidia-smi", *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=ANSWER_S,
        check=True,
    )
    return done.stdout.splitlines()
