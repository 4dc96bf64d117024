"""One step of tests/gpu/check, in a process of its own."""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.gpu.setting import Row, Setting

__all__ = ["run", "write"]


def run(
    name: str, function: str, rows: Path, work: Path, seconds: float, *, rehearse: bool
) -> None:
    """All rows of `function`, MODULE:FUNCTION, and how long they took; what it raises is a row."""
    # A group of its own, to end it with all that it has started, and that it ends on its way out.
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun = time.monotonic()
    setting = Setting(rehearse=rehearse, work=work, deadline=begun + seconds)
    try:
        for row in pkgutil.resolve_name(function)(setting):
            write(rows, name, row)
    except Exception as error:
        traceback.print_exc()
        line = next(iter(str(error).strip().splitlines()), "")
        write(rows, name, {"failed": f"{type(error).__name__}: {line}"})
    write(rows, name, {"took_s": time.monotonic() - begun})


def write(rows: Path, step: str, row: Row) -> None:
    """As a line for people, and as one of JSON, on disk when this returns."""
    shown = ", ".join(f"{name} {_shown(value)}" for name, value in row.items())
    print(f"{step:10} {shown}", flush=True)
    with rows.open("a") as file:
        file.write(json.dumps({"step": step, **row}) + "\n")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
