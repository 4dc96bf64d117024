"""Try what users' code, data and machines do, by the real commands.

    python -m tests.misuse [--share 0.5] [--seed 0] [--kind KIND] [--only TEXT] [--at-a-time 2]

Without --kind or --only half of the list, some of each kind, drawn by the seed.

Prints a line a try, and at the end how many have shown a fault: a traceback of ours, a hang, a
wrong number, a study that cannot be resumed, or another outcome than the try names.
"""

from __future__ import annotations

import argparse
import collections
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.misuse.carry_out import Finding, carry_out
from tests.misuse.kinds import KINDS, all_tries
from tests.misuse.sample import sample
from tests.misuse.tries import Try


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--share", type=float, help="of the list, drawn (half; all of what --kind or --only names)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--kind", choices=sorted(KINDS))
    parser.add_argument("--only", default="", help="tries whose name has this text")
    parser.add_argument("--at-a-time", type=int, default=2)
    options = parser.parse_args()
    named = options.kind is not None or options.only
    share = options.share or (1.0 if named else 0.5)
    chosen = [
        (kind, each)
        for kind, each in sample(all_tries(), share, options.seed)
        if options.kind in (None, kind) and options.only in each.name
    ]
    began = time.monotonic()
    with ThreadPoolExecutor(options.at_a_time) as pool:
        faults = list(pool.map(lambda pair: _tried(*pair), chosen))
    counts = collections.Counter(
        kind for (kind, _), found in zip(chosen, faults, strict=True) if found
    )
    kinds, took_s = len({kind for kind, _ in chosen}), time.monotonic() - began
    print(
        f"{len(chosen)} tries of {kinds} kinds in {took_s:.0f} s: {sum(counts.values())} with a "
        f"fault {dict(counts) or ''}"
    )
    return 1 if counts else 0


def _tried(kind: str, one: Try) -> list[Finding]:
    began = time.monotonic()
    if missing := [tool for tool in one.needs if shutil.which(tool) is None]:
        found = [Finding(f"needs {', '.join(missing)}")]
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            found = carry_out(one, Path(folder))
    took = time.monotonic() - began
    print(f"{kind:10} {one.name:58} {took:5.1f} s  {'FAULT' if found else 'ok'}", flush=True)
    for finding in found:
        print(f"{'':11}{finding.what}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
