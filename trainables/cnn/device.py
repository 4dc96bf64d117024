"""Where a trial trains and in which number format: chosen by what is there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Device", "choose"]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device and its number format; `name` is cpu or cuda."""

    name: str = "cpu"
    # Convolutions and matrix products in bfloat16; the loss, the weights and their updates in
    # float32. Off on a CPU, where it is slower.
    bfloat16: bool = False

    def autocast(self) -> torch.autocast:
        """The context of a forward pass in this number format."""
        return torch.autocast(self.name, torch.bfloat16, enabled=self.bfloat16)


def choose(name: str | None = None) -> Device:
    """The GPU if there is one, else the CPU. Raises ValueError if there is no `name`."""
    available = torch.cuda.is_available()
    if name not in (None, "cpu", "cuda"):
        raise ValueError(f"device must be cpu or cuda, got {name!r}")
    if name == "cuda" and not available:
        raise ValueError("device cuda was asked for, but torch sees no CUDA device; use cpu")
    if name == "cpu" or not available:
        return Device()
    torch.backends.cudnn.deterministic = True  # a resumed trial repeats bit for bit
    return Device(name="cuda", bfloat16=torch.cuda.is_bf16_supported(including_emulation=False))
