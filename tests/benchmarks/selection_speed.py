"""How long does the correction for a choice take? CPU seconds of 1,000 resamples.

python -m tests.benchmarks.selection_speed [--examples 5000]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from search.statistics.selection import corrected_score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=5000)
    examples = parser.parse_args().examples
    for trials in (64, 1000, 10_000):
        values_CN = np.random.default_rng(0).random((trials, examples)) < 0.7
        wall, cpu = time.monotonic(), time.process_time()
        corrected_score(values_CN.astype(np.float32), sign=1, seed=0)
        print(
            f"{trials:6} trials × {examples} examples: {time.process_time() - cpu:6.2f} CPU s, "
            f"{time.monotonic() - wall:6.2f} s by the clock",
            flush=True,
        )


if __name__ == "__main__":
    main()
