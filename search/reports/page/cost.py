"""Chart 8: score against cost with the frontier; failures by reason and region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.decisions.history import Trial
from search.reports.numbers import number_texts
from search.reports.page.chart import (
    ACCENT,
    SOFT,
    Chart,
    figure,
    gap_text,
    label,
    many,
    round_short,
    rung_colour,
    span_text,
    table,
    view,
)
from search.reports.page.facts import Facts

__all__ = ["Region", "cost", "failures", "frontier", "full_cost_s", "worst_region"]

MOST_NAMED = 8
MOST_DOTS = 1500
# A region is told of where so rare a one would come by chance once in a hundred tables.
CHANCE = 0.01
PARTS = 3


def full_cost_s(facts: Facts, trial: Trial) -> float:
    """CPU seconds of training it in full, by its epochs so far."""
    return sum(epoch.cpu_s for epoch in trial.epochs) / trial.epoch * facts.max_epochs


def frontier(facts: Facts) -> list[Trial]:
    """The complete trials that none is both cheaper and at least as good as, the cheapest first."""
    found: list[Trial] = []
    key = facts.task.sign
    by_cost = sorted(facts.complete, key=lambda t: (full_cost_s(facts, t), -key * facts.value(t)))
    for trial in by_cost:
        if not found or facts.better(facts.value(trial), facts.value(found[-1])):
            found.append(trial)
    return found


def cost(facts: Facts) -> Chart:
    edge = frontier(facts)
    values = number_texts([facts.value(trial) for trial in edge])
    rows = [
        [f"trial {t.number}", value, span_text(full_cost_s(facts, t)), t.suggestion.source]
        for t, value in zip(edge, values, strict=True)
    ]
    return Chart(
        id="cost",
        title="Score against cost",
        caption=_caption(facts, edge),
        figures=[_figure(facts, edge)] if facts.trained else [],
        table=table(["frontier", facts.metric, "CPU time of a full run", "source"], rows),
        note="Cost is CPU time of training and evaluation in full, of a stopped trial by its "
        "epochs so far. A stopped trial's score is that of its rung.",
    )


def _figure(facts: Facts, edge: Sequence[Trial]) -> Any:
    data: list[dict[str, Any]] = []
    rungs, thin = facts.ladder, -(-len(facts.trained) // MOST_DOTS)
    for index, rung in enumerate(rungs):
        above = rungs[index + 1] if index + 1 < len(rungs) else None
        of = [t for t in facts.trained if t.epoch >= rung and (above is None or t.epoch < above)]
        of = [t for t in of if above is None or t.number % thin == 0]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"epoch {rung}" if above else "complete",
                "x": [round_short(full_cost_s(facts, t)) for t in of],
                "y": [round_short(facts.value(t)) for t in of],
                "customdata": [t.number for t in of],
                "marker": {
                    "size": 7 if above is None else 5,
                    "color": rung_colour(index, len(rungs)),
                },
                "hovertemplate": "trial %{customdata}: %{y}, %{x:.3g} CPU s<extra></extra>",
            }
        )
    named = {edge[-1 - i].number for i in range(min(len(edge), MOST_NAMED))}
    texts = [_name(facts, t) if t.number in named else "" for t in edge]
    data.append(
        {
            "type": "scatter",
            "mode": "lines+text",
            "name": "frontier",
            "x": [round_short(full_cost_s(facts, t)) for t in edge],
            "y": [round_short(facts.value(t)) for t in edge],
            "text": texts,
            "textposition": "top left",
            "textfont": {"size": 11, "color": SOFT},
            "line": {"color": ACCENT, "width": 1.5, "shape": "hv"},
            "hoverinfo": "skip",
        }
    )
    return figure(
        data,
        label=f"{facts.metric} against the CPU seconds of a full run",
        x={"title": {"text": "CPU seconds of a full run"}, "type": "log"},
        y={"title": {"text": label(facts.metric)}, **_view(facts)},
        height=420,
    )


def _view(facts: Facts) -> dict[str, Any]:
    values = [facts.value(trial) for trial in facts.trained]
    return view(values, facts.task.sign, [facts.value(trial) for trial in facts.complete])


def _name(facts: Facts, trial: Trial) -> str:
    source = trial.suggestion.source
    return label(source if trial.number < facts.full_length else f"trial {trial.number}", 24)


def _caption(facts: Facts, edge: Sequence[Trial]) -> str:
    if not edge:
        return "No trial is complete yet: what a full run costs and brings is not known."
    best = edge[-1]
    told = (
        f"The best, trial {best.number}, costs {span_text(full_cost_s(facts, best))} of CPU time "
        "to train in full"
    )
    if len(edge) == 1:
        return f"{told}, and no other complete trial is cheaper."
    noise = facts.example_noise
    near = [t for t in edge[:-1] if noise and abs(facts.value(best) - facts.value(t)) <= noise]
    other = near[0] if near else edge[-2]
    gap = gap_text(abs(facts.value(best) - facts.value(other)))
    share = full_cost_s(facts, other) / full_cost_s(facts, best)
    told += (
        f"; trial {other.number} takes {share:.0%} of that and is {gap} behind"
        f"{', which is within the noise of examples' if near else ''}."
    )
    return f"{told} {many(len(edge), 'trial')} lie on the frontier."


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where more trials have failed than elsewhere."""

    name: str
    where: str  # "adam", or "0.004 to 0.01"
    failed: int
    trials: int
    chance: float  # of as many by luck (Fisher's exact test), times the regions looked at


def failures(facts: Facts) -> Chart | None:
    """None where none has failed."""
    failed = facts.of_state("failed")
    if not failed:
        return None
    reasons = Counter(trial.failures[-1].reason for trial in failed)
    rows = [
        [reason, count, ", ".join(str(n) for n in _numbers(failed, reason))]
        for reason, count in reasons.most_common()
    ]
    share = len(failed) / len(facts.history.trials)
    reason, count = reasons.most_common(1)[0]
    told = f"{many(len(failed), 'trial')} failed, {share:.0%} of all; "
    told += f"{'all' if count == len(failed) else count} for: {cell_text(reason)}."
    region = worst_region(facts)
    if region is None:
        told += " They keep to no region of the space that stands out."
    else:
        told += (
            f" Most stand where {region.name} is {region.where}: {region.failed} of "
            f"{region.trials} failed there."
        )
    return Chart(
        id="failures",
        title="Failures",
        caption=told,
        table=table(["reason", "trials", "which"], rows),
    )


def cell_text(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _numbers(failed: Sequence[Trial], reason: str) -> list[int]:
    return [trial.number for trial in failed if trial.failures[-1].reason == reason][:20]


def worst_region(facts: Facts) -> Region | None:
    """The value of a hyperparameter, or the third of its range, where failures are least likely a
    matter of luck; None where none is."""
    from scipy.stats import fisher_exact

    trials = facts.history.trials
    failed = {trial.number for trial in facts.of_state("failed")}
    found = list(_regions(trials))
    regions = []
    for name, where, inside in found:
        bad = len(inside & failed)
        others = len(trials) - len(inside)
        rows = [[bad, len(inside) - bad], [len(failed) - bad, others - (len(failed) - bad)]]
        chance = float(fisher_exact(rows, alternative="greater").pvalue) * len(found)
        regions.append(
            Region(name=name, where=where, failed=bad, trials=len(inside), chance=chance)
        )
    worst = min(regions, key=lambda region: region.chance, default=None)
    return worst if worst is not None and worst.chance < CHANCE else None


def _regions(trials: Sequence[Trial]) -> Iterator[tuple[str, str, set[int]]]:
    """Each value of a choice, each third of the numbers of a range: name, text, who is in it."""
    names = dict.fromkeys(name for t in trials for name in t.suggestion.config)
    for name in names:
        having = {
            t.number: t.suggestion.config[name] for t in trials if name in t.suggestion.config
        }
        yield from _regions_of(name, having)


def _regions_of(name: str, having: Mapping[int, Any]) -> Iterator[tuple[str, str, set[int]]]:
    numeric = all(type(value) in (int, float) for value in having.values())
    distinct = sorted(set(having.values())) if numeric else []
    if numeric and len(distinct) > PARTS * 2:
        ordered = sorted(having, key=lambda number: having[number])
        size = -(-len(ordered) // PARTS)
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            low, high = number_texts([having[part[0]], having[part[-1]]])
            yield name, f"{low} to {high}", set(part)
        return
    for value in dict.fromkeys(having.values()):
        inside = {number for number, other in having.items() if other == value}
        if len(inside) < len(having):
            yield name, str(value), inside
