"""What the machine is, and the tests that only it can run."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

from search.machines.gpus import gpus_there
from search.machines.machine import core_count
from tests.gpu.setting import ROOT, Row, Setting
from trainables.cnn.device import choose

__all__ = ["about", "gpu_tests"]


def about(setting: Setting) -> Iterator[Row]:
    """Without a card that computes, all that follows would be of a core."""
    there = gpus_there()
    row: Row = {
        "date": time.strftime("%Y-%m-%d"),
        "cards": [f"{card.name}, {card.memory}, driver {card.driver}" for card in there.cards],
        "cores": core_count(),
        "torch": torch.__version__,
        "bfloat16": choose().bfloat16,
    }
    if not setting.rehearse and not torch.cuda.is_available():
        row["failed"] = there.problem or "torch sees no CUDA device"
    yield row


def gpu_tests(setting: Setting) -> Iterator[Row]:
    """`pytest -m gpu`: one row, and one for each test that fails."""
    # A rehearsal has nothing to run: it is spared the imports of all other tests.
    files = list(map(str, ROOT.glob("tests/trainables/*/test_gpu.py")))
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-rfE", "-o", "addopts=-q"]
    command += files if setting.rehearse else ["tests/trainables"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=max(setting.left_s, 1)
    )
    for line in re.findall(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.MULTILINE):
        yield {"what": "pytest -m gpu", "failed": line}
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
    counted = {name: int(n) for n, name in re.findall(r"(\d+) (passed|failed|skipped)", last)}
    row: Row = {"what": "pytest -m gpu", **counted}
    if done.returncode and not counted.get("failed"):
        row["failed"] = last
    if not setting.rehearse and counted.get("skipped"):
        row["failed"] = f"{counted['skipped']} tests were skipped"
    yield row
