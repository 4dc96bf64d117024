"""Studies side by side: which were asked for the same, but for their seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from search.reports.numbers import number_text
from search.reports.page.chart import many
from search.reports.page.facts import Facts
from search.statistics.intervals import Estimate, seed_interval

__all__ = ["Setting", "headline", "settings_of"]

# What tells two studies of one setting apart.
_OWN = {"name", "seed", "tracking_uri", "storage", "data_dir", "keep_checkpoints"}


@dataclass(frozen=True)
class Setting:
    """Studies that were asked for the same, but for their seed."""

    name: str
    studies: Sequence[Facts]

    @property
    def bests(self) -> list[float]:
        return [f.value(f.best) for f in self.studies if f.best is not None]

    @property
    def mean(self) -> Estimate | None:
        """Of the best over seeds."""
        return seed_interval(self.bests) if self.bests else None


def settings_of(studies: Sequence[Facts]) -> list[Setting]:
    """In the order of their first study. One of a single study has its name."""
    groups: dict[str, list[Facts]] = {}
    for facts in studies:
        config = dataclasses.asdict(facts.study.config)
        asked = {name: value for name, value in config.items() if name not in _OWN}
        groups.setdefault(repr(sorted(asked.items())), []).append(facts)
    return [
        Setting(of[0].study.name if len(of) == 1 else _common_name(of), of)
        for of in groups.values()
    ]


def _common_name(studies: Sequence[Facts]) -> str:
    return f"{studies[0].study.name} ({many(len(studies), 'seed')})"


def headline(studies: Sequence[Facts]) -> str:
    won = [facts for facts in studies if facts.best is not None]
    if not won:
        return "no study has a complete trial yet"
    best = max(won, key=_best_value)
    assert best.best is not None
    return f"{best.metric} {number_text(best.value(best.best))} by {best.study.name}"


def _best_value(facts: Facts) -> float:
    assert facts.best is not None
    return facts.task.sign * facts.value(facts.best)
