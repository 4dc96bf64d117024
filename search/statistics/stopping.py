"""What has stopping trials at rungs cost? From a few of them, trained to the end. Pure.

The stopped trials are parted into groups, and of each a simple random sample is trained to the end
(search/decisions/audit.py). A trial that was drawn with probability π stands for 1 / π stopped ones
(Horvitz & Thompson 1952, doi:10.1080/01621459.1952.10483446), whatever decided that it was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics.intervals import Estimate
from trainables.seeding import derive

__all__ = ["Group", "StoppingCost", "stopping_cost"]

DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Group:
    """Stopped trials that were drawn with the same probability."""

    size: int
    # Of those drawn: score at the end less that of the best trial, larger is better. NaN: it has
    # failed on the way, and so would not have won.
    leads: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class StoppingCost:
    """Of all the stopped trials."""

    share_better: Estimate  # that would have ended better than the best trial
    lead: Estimate  # of one, on average, over the best: below 0 where stopping was right


def stopping_cost(groups: Sequence[Group], *, seed: int) -> StoppingCost:
    """`groups`: each with at least one drawn."""
    return StoppingCost(share_better=_share_better(groups, seed), lead=_lead(groups))


def _share_better(groups: Sequence[Group], seed: int) -> Estimate:
    """The interval is Clopper and Pearson's of each group, joined over groups by melding (Fay,
    Proschan & Brittain 2015, doi:10.1111/biom.12231): never too narrow, and with few draws wide.
    Of the trials that were drawn nothing is uncertain."""
    random = np.random.default_rng(derive(seed, "stopping"))
    total = sum(group.size for group in groups)
    mean, low_B, high_B = 0.0, np.zeros(DRAWS), np.zeros(DRAWS)
    for group in groups:
        drawn, better = len(group.leads), sum(lead > 0 for lead in group.leads)
        unseen = group.size - drawn
        mean += group.size * better / drawn
        low_B += better + unseen * (random.beta(better, drawn - better + 1, DRAWS) if better else 0)
        worse = drawn - better
        high_B += better + unseen * (random.beta(better + 1, worse, DRAWS) if worse else 1)
    return Estimate(
        mean=mean / total,
        low=float(np.quantile(low_B, 0.025)) / total,
        high=float(np.quantile(high_B, 0.975)) / total,
    )


def _lead(groups: Sequence[Group]) -> Estimate:
    """Student's interval for a stratified mean (Cochran 1977, ch. 5), the spread pooled over
    groups. Those that failed are left out. Not known where no group has two."""
    known = [(g.size, np.array([lead for lead in g.leads if not math.isnan(lead)])) for g in groups]
    if any(len(leads) == 0 for _, leads in known):
        return Estimate(mean=math.nan, low=None, high=None)
    total = sum(size for size, _ in known)
    mean = sum(size * float(leads.mean()) for size, leads in known) / total
    freedom = sum(len(leads) - 1 for _, leads in known)
    if freedom == 0:
        return Estimate(mean=mean, low=None, high=None)
    from scipy import special

    square = sum(float(leads.var()) * len(leads) for _, leads in known) / freedom
    variance = sum(
        (size / total) ** 2 * square / len(leads) * (1 - len(leads) / size) for size, leads in known
    )
    margin = float(special.stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return Estimate(mean=mean, low=mean - margin, high=mean + margin)
