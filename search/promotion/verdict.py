"""What a promotion found, in words and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.promotion.confirm import Confirmation
from search.statistics.intervals import interval_text
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
    sd = "unknown" if confirmation.sd is None else f"{confirmation.sd:.4f}"
    lines = [
        f"confirmed on {len(confirmation.candidate.fresh)} fresh seeds "
        f"(deviation of one run over seeds: {sd}):",
        f"{'trial':>7} {'search':>8} {'fresh':>8} {'optimism':>9} {'CPU s':>7}  the first minus it",
    ]
    for row in rows(confirmation):
        gap = row["first_minus_this"]
        shown = (
            ""
            if gap is None
            else (
                f"{gap['mean']:+.4f} {interval_text(gap['low'], gap['high'], '+.4f')}"
                + (", beyond the noise" if gap["beyond_noise"] else "")
            )
        )
        lines.append(
            f"{row['trial']:>7} {row['search']:>8.4f} {row['mean']:>8.4f} "
            f"{row['optimism']:>+9.4f} {row['cpu_s']:>7.1f}  {shown}"
        )
    return [*lines, f"candidate: {confirmation.why}"]


def describe_final(task: Task, final: Mapping[str, Any]) -> list[str]:
    validation, test = final["validation"], final["test"]
    lines = [
        f"{name:<12} {s['mean']:.4f} {interval_text(s['low'], s['high'])} over seeds ({s['n']}) "
        f"and examples, {interval_text(s['seeds_low'], s['seeds_high'])} over seeds"
        for name, s in (("validation", validation), ("test", test))
    ]
    lines.append(f"validation minus test: {final['validation_minus_test']:+.4f}")
    for name, baseline in final["baselines"].items():
        gap = baseline["final_minus_this"]
        known = "beyond" if gap["beyond_noise"] else "within"
        lines.append(
            f"test of {name}: {baseline['value']:.4f}; the final runs are {gap['mean']:+.4f} "
            f"{interval_text(gap['low'], gap['high'])} from it"
            + ("" if gap["low"] is None else f", {known} the noise")
        )
    lines += [f"test of {name}: {value:.4f}" for name, value in task.reported.items()]
    lines += [
        f"    {group}: {s['mean']:.4f} ({s['n']} examples)" for group, s in test["groups"].items()
    ]
    return lines
