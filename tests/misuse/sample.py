"""A part of the list of tries, some of each kind."""

from __future__ import annotations

import collections
import random

from tests.misuse.tries import Try

__all__ = ["sample"]


def sample(tries: list[tuple[str, Try]], share: float, seed: int) -> list[tuple[str, Try]]:
    """That share of each kind, at least one, drawn by the seed; in the order of the list."""
    by_kind = collections.defaultdict(list)
    for number, (kind, _) in enumerate(tries):
        by_kind[kind].append(number)
    chance = random.Random(seed)
    drawn = [
        number
        for numbers in by_kind.values()
        for number in chance.sample(numbers, max(1, round(share * len(numbers))))
    ]
    return [tries[number] for number in sorted(drawn)]
