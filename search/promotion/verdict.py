"""What a promotion found, in words and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.promotion.confirm import Confirmation
from search.reports.numbers import estimate_text, interval_text, number_text, number_texts
from search.tasks.task import Task

__all__ = ["describe_confirmation", "describe_final", "rows"]


def rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """The contenders, the best by fresh mean first."""
    differences = [None, *confirmation.differences]
    return [
        {
            "trial": contender.trial,
            "search": contender.search,
            "mean": contender.mean,
            "optimism": contender.optimism,
            "cpu_s": contender.cost_s,
            "first_minus_this": gap
            and {**dataclasses.asdict(gap), "beyond_noise": gap.beyond_noise},
        }
        for contender, gap in zip(confirmation.contenders, differences, strict=True)
    ]


def describe_confirmation(confirmation: Confirmation) -> list[str]:
    sd = "unknown" if confirmation.sd is None else number_text(confirmation.sd)
    lines = [
        f"confirmed on {len(confirmation.candidate.fresh)} fresh seeds "
        f"(deviation of one run over seeds: {sd}):",
        f"{'trial':>7} {'search':>8} {'fresh':>8} {'optimism':>9} {'CPU s':>7}  the first minus it",
    ]
    contenders = rows(confirmation)
    # The search's score and the fresh mean are read side by side.
    scores = number_texts([row[name] for row in contenders for name in ("search", "mean")])
    for row, search, fresh in zip(contenders, scores[::2], scores[1::2], strict=True):
        gap, optimism = row["first_minus_this"], number_text(row["optimism"], signed=True)
        shown = (
            ""
            if gap is None
            else (
                estimate_text(gap["mean"], gap["low"], gap["high"], signed=True)
                + (", beyond the noise" if gap["beyond_noise"] else "")
            )
        )
        lines.append(
            f"{row['trial']:>7} {search:>8} {fresh:>8} {optimism:>9} {row['cpu_s']:>7.1f}  {shown}"
        )
    return [*lines, f"candidate: {confirmation.why}"]


def describe_final(task: Task, final: Mapping[str, Any]) -> list[str]:
    validation, test = final["validation"], final["test"]
    lines = [
        f"{name:<12} {estimate_text(s['mean'], s['low'], s['high'])} over seeds ({s['n']}) "
        f"and examples, {interval_text(s['seeds_low'], s['seeds_high'])} over seeds"
        for name, s in (("validation", validation), ("test", test))
    ]
    lines[0] += (
        "; not corrected for the choice by these examples, which makes about "
        + number_text(validation["optimism"], signed=True)
    )
    lines.append(
        "validation minus test: " + number_text(final["validation_minus_test"], signed=True)
    )
    for name, baseline in final["baselines"].items():
        gap = baseline["final_minus_this"]
        known = "beyond" if gap["beyond_noise"] else "within"
        lines.append(
            f"test of {name}: {number_text(baseline['value'])}; the final runs are "
            f"{estimate_text(gap['mean'], gap['low'], gap['high'], signed=True)} from it"
            + ("" if gap["low"] is None else f", {known} the noise")
        )
    lines += [f"test of {name}: {number_text(value)}" for name, value in task.reported.items()]
    lines += [
        f"    {group}: {number_text(s['mean'])} ({s['n']} examples)"
        for group, s in test["groups"].items()
    ]
    return lines
