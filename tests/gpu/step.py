"""One step of tests/gpu/check, in a process of its own: `python -m tests.gpu.step NAME …`."""

from __future__ import annotations

import argparse
import json
import pkgutil
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.gpu.setting import Row, Setting

__all__ = ["write"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("function", metavar="MODULE:FUNCTION")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    # What it has started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    setting = Setting(
        rehearse=options.rehearse,
        work=options.work,
        deadline=time.monotonic() + options.seconds,
    )
    begun = time.monotonic()
    try:
        for row in pkgutil.resolve_name(options.function)(setting):
            write(options.rows, options.name, row)
    except Exception as error:
        traceback.print_exc()
        line = next(iter(str(error).strip().splitlines()), "")
        write(options.rows, options.name, {"failed": f"{type(error).__name__}: {line}"})
    write(options.rows, options.name, {"took_s": time.monotonic() - begun})


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


if __name__ == "__main__":
    main()
