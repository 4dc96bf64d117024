"""Cards that are not there: device files, and a program `nvidia-smi` that answers for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.machines import gpus

__all__ = ["Nvidia"]


class Nvidia:
    """Call it to put cards into the machine; by default `nvidia-smi` knows them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._dev, self._programs = folder / "dev", folder / "bin"
        self._dev.mkdir()
        self._programs.mkdir()
        patch.setattr(gpus, "DEV", self._dev)
        patch.setattr(gpus, "ANSWER_S", 1.0)
        patch.setenv("PATH", f"{self._programs}:/usr/bin:/bin")
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        self.forget()

    def __call__(
        self, *, cards: int, says: str = "", compute_mode: str = "Default", mig: int = 0
    ) -> None:
        """So many cards, each cut into so many MIG devices; `says`: missing, fails, hangs, nothing,
        in place of an answer."""
        for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{n}" for n in range(cards))):
            if cards:
                (self._dev / name).touch()
        listed, table = [], []
        for n in range(cards):
            listed.append(f"GPU {n}: NVIDIA H100 80GB HBM3 (UUID: GPU-{n}aaa-bbbb)")
            listed += [
                f"  MIG 1g.10gb     Device  {m}: (UUID: MIG-{n}{m}cc-dddd)" for m in range(mig)
            ]
            in_parts = "Enabled" if mig else "Disabled"
            table.append(
                f"GPU-{n}aaa-bbbb, NVIDIA H100 80GB HBM3, 81559 MiB, 4 MiB, 580.159.04, "
                f"{compute_mode}, {in_parts}"
            )
        answer = {
            "": f"case $1 in -L) cat <<'.'\n{_lines(listed)}.\n;; *) cat <<'.'\n{_lines(table)}.\n"
            ";; esac",
            "fails": "echo 'NVIDIA-SMI has failed: no communication with the driver'; exit 9",
            "hangs": "exec sleep 60",
            "nothing": "echo 'No devices were found'",
        }
        if says in answer:
            program = self._programs / "nvidia-smi"
            program.write_text(f"#!/bin/sh\n{answer[says]}\n")
            program.chmod(0o755)
        self.forget()

    def forget(self) -> None:
        """What was seen of an earlier machine."""
        gpus.gpus_there.cache_clear()
        gpus._mig_devices.cache_clear()


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
