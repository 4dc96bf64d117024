"""What a promotion found, in words and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.promotion.confirm import Confirmation
from search.reports.numbers import estimate_text, interval_text, number_text, number_texts
from search.tasks.task import Task

__all__ = ["describe_confirmation", "describe_final", "race_row", "rows"]


def rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """The contenders, the best by expected score first."""
    differences = [None, *confirmation.differences]
    return [
        {
            "trial": contender.trial,
            "search": contender.search,
            "mean": contender.mean,
            "n": len(contender.fresh),
            "optimism": contender.optimism,
            "expected": expected,
            "chance_best": chance,
            "wall_s": contender.wall_s,
            "first_minus_this": gap
            and {**dataclasses.asdict(gap), "beyond_noise": gap.beyond_noise},
        }
        for contender, expected, chance, gap in zip(
            confirmation.contenders,
            confirmation.expected,
            confirmation.chances,
            differences,
            strict=True,
        )
    ]


def race_row(confirmation: Confirmation, budget: int) -> dict[str, Any]:
    """How the runs were spent, and how sure they have made the choice."""
    race = confirmation.race
    assert race.expected is not None
    return {
        "runs": sum(race.counts),
        "budget": budget,
        "tolerance": race.tolerance,
        "chance_worse": race.doubt,
        "sure": race.sure,
        "search_lead_kept": race.expected.kept,
    }


def describe_confirmation(confirmation: Confirmation) -> list[str]:
    sd = "unknown" if confirmation.sd is None else number_text(confirmation.sd)
    race = confirmation.race
    assert race.expected is not None
    lines = [
        f"raced on {sum(race.counts)} runs with fresh seeds (deviation of one run over seeds: "
        f"{sd}; of a lead in the search {race.expected.kept:.0%} is expected to be real):",
        f"{'trial':>7} {'search':>8} {'fresh':>8} {'n':>3} {'expected':>9} {'best?':>6} "
        f"{'s a run':>8}  the first minus it",
    ]
    contenders = rows(confirmation)
    # These are read side by side.
    names = ("search", "mean", "expected")
    scores = number_texts([row[name] for row in contenders for name in names])
    columns = zip(contenders, scores[::3], scores[1::3], scores[2::3], strict=True)
    for row, search, fresh, expected in columns:
        gap = row["first_minus_this"]
        shown = (
            ""
            if gap is None
            else (
                estimate_text(gap["mean"], gap["low"], gap["high"], signed=True)
                + (", beyond the noise" if gap["beyond_noise"] else "")
            )
        )
        lines.append(
            f"{row['trial']:>7} {search:>8} {fresh:>8} {row['n']:>3} {expected:>9} "
            f"{row['chance_best']:>6.0%} {row['wall_s']:>8.1f}  {shown}"
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
