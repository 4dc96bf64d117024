"""A small made-up corpus for tests and demonstrations: no files, no network, seconds to learn."""

from __future__ import annotations

import random

from trainables.sts.source import Pair

__all__ = ["PAIRS", "pairs"]

PAIRS = {"train": 320, "dev": 160, "test": 160}

_PARTS = (  # of a sentence; words with a slash between them mean the same
    "A The One Some That",
    "small/little old/aged quiet/silent happy/glad tired/weary young",
    "dog/hound cat woman/lady man/fellow child/kid bird horse/pony farmer",
    "watches/observes follows finds/discovers paints carries/brings feeds greets/welcomes",
    "red/scarlet wooden broken/smashed shiny heavy",
    "ball boat/ship guitar basket kite chair/seat lamp/lantern",
    "outside/outdoors nearby/close there/yonder today tonight",
)
_GROUPS = [[group.split("/") for group in part.split()] for part in _PARTS]
_WEIGHTS = (0, 1, 3, 3, 1, 3, 1)  # an article says nothing


def pairs(split: str) -> list[Pair]:
    """Sentences of seven parts; the score is 5 times the share, by weight, that means the same."""
    generator = random.Random(f"toy {split}")
    return [_pair(generator) for _ in range(PAIRS[split])]


def _pair(generator: random.Random) -> Pair:
    kept = generator.random()
    first = [generator.choice(groups) for groups in _GROUPS]
    second = [
        group if generator.random() < kept else generator.choice(groups)
        for group, groups in zip(first, _GROUPS, strict=True)
    ]
    agreed = sum(w for w, a, b in zip(_WEIGHTS, first, second, strict=True) if a is b)
    sentences = [
        " ".join(generator.choice(group) for group in side) + "." for side in (first, second)
    ]
    return Pair(round(5 * agreed / sum(_WEIGHTS), 1), *sentences)
