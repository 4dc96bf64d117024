"""What stopping has cost, estimated from a few stopped trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search.decisions.audit import draw
from search.statistics.stopping import Group, stopping_cost


def test_one_that_was_drawn_stands_for_others() -> None:
    cost = stopping_cost(
        [Group(size=14, leads=[0.01, -0.02]), Group(size=42, leads=[-0.06])], seed=0
    )

    assert cost.share_better.mean == pytest.approx(7 / 56)
    assert cost.lead.mean == pytest.approx((14 * -0.005 + 42 * -0.06) / 56)


def test_of_a_single_rung_it_is_clopper_and_pearson_s_interval() -> None:
    cost = stopping_cost([Group(size=10**6, leads=[-0.1, -0.1, -0.1])], seed=0)

    assert cost.share_better.low == 0
    assert cost.share_better.high == pytest.approx(1 - 0.025 ** (1 / 3), abs=0.01)


def test_where_all_were_drawn_nothing_is_uncertain() -> None:
    cost = stopping_cost([Group(size=2, leads=[-0.1, 0.1]), Group(size=1, leads=[-0.2])], seed=0)

    share = cost.share_better
    assert (share.low, share.mean, share.high) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert cost.lead.low == pytest.approx(cost.lead.mean)


def test_of_one_draw_a_rung_the_spread_is_not_known() -> None:
    lead = stopping_cost([Group(size=5, leads=[-0.1]), Group(size=3, leads=[0.0])], seed=0).lead

    assert (lead.low, lead.high) == (None, None)


def test_one_that_failed_would_not_have_won() -> None:
    cost = stopping_cost([Group(size=4, leads=[math.nan, -0.2])], seed=0)

    assert cost.share_better.mean == 0
    assert cost.lead.mean == pytest.approx(-0.2)
    assert math.isnan(stopping_cost([Group(size=4, leads=[math.nan])], seed=0).lead.mean)


@pytest.mark.parametrize(("count", "offset"), [(3, -1.0), (6, 0.0), (6, -2.0)])
def test_the_intervals_hold(count: int, offset: float) -> None:
    """60 stopped trials, 45 of them at the lower rung, whose leads are less."""
    rungs = dict.fromkeys(range(45), 1) | dict.fromkeys(range(45, 60), 3)
    covered = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        leads = offset + random.standard_normal(60) - np.array([r == 1 for r in rungs.values()])
        drawn = draw(rungs, count=count, seed=seed)
        groups = [
            Group(size=size, leads=[leads[each.trial] for each in drawn if each.group == group])
            for group, size in enumerate((15, 45))
        ]
        cost = stopping_cost(groups, seed=seed)
        share, lead = cost.share_better, cost.lead
        covered.append(
            [
                share.low <= (leads > 0).mean() <= share.high,  # type: ignore[operator]
                lead.low <= leads.mean() <= lead.high,  # type: ignore[operator]
            ]
        )
    assert np.mean(covered, axis=0) == pytest.approx([0.975, 0.955], abs=0.03)
