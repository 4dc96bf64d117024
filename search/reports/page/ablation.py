"""What each change from another configuration to the winner is worth, once there is an ablation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from search.reports.ablation import Ablation, Effect
from search.reports.numbers import estimate_text, number_text
from search.reports.page.chart import (
    ACCENT,
    SOFT,
    SOLID,
    Chart,
    Figure,
    figure,
    label,
    many,
    round_short,
    table,
)
from search.reports.page.facts import Facts
from search.statistics.intervals import Estimate

__all__ = ["ablation"]

NAMED = 6  # changes that the caption names
APART = 0.17  # of the two intervals of one change, in lines


def ablation(facts: Facts) -> Chart | None:
    """None without one."""
    found = facts.ablation
    if found is None or not found.effects:
        return None
    columns = ["hyperparameter", found.base, f"trial {found.trial}"]
    return Chart(
        id="ablation",
        title="Which changes made the difference",
        caption=" ".join(_sentences(facts, found)),
        figures=[_figure(found)],
        table=table(
            [*columns, "in the winner", f"in {found.base}", "what went with it"], _rows(found)
        ),
        note=f"Each hyperparameter in which trial {found.trial} and {found.base} differ was "
        f"exchanged alone, in both, on {many(found.seeds, 'fresh seed')}: bars are 95% intervals "
        "over seeds and examples; a filled dot is beyond the noise when all are considered at once "
        "(Holm 1979). The two differ where changes need each other.",
    )


def _sentences(facts: Facts, found: Ablation) -> Iterator[str]:
    if found.whole is not None:
        yield (
            f"From {found.base} to trial {found.trial} {facts.metric} gains "
            f"{_text(found.whole)} on fresh seeds."
        )
    sure = [each for each in found.effects if each.sure_in_winner or each.sure_in_base]
    changes = many(len(found.effects), "change")
    if not sure:
        yield f"Of its {changes} none is beyond the noise by itself."
    else:
        named = ", ".join(_named(each) for each in sure[:NAMED])
        more = f" and {len(sure) - NAMED} more" if len(sure) > NAMED else ""
        verb = "is" if len(sure) == 1 else "are"
        yield f"Of its {changes} {len(sure)} {verb} beyond the noise: {named}{more}."
        rest = [each.hyperparameter for each in found.effects if each not in sure]
        if rest:
            yield f"Not beyond it: {', '.join(rest)}."
    own = facts.study.name != found.study
    if own and facts.best is not None and facts.best.number != found.trial:
        yield f"Trial {found.trial} was the best then; now trial {facts.best.number} is."


def _named(effect: Effect) -> str:
    """With what it is worth in the winner, where that is sure, else in the base; and with what
    went with it there."""
    in_winner = effect.sure_in_winner
    sure = effect.in_winner if in_winner else effect.in_base
    assert sure is not None
    where = "" if in_winner else " in the base only"
    others = effect.with_in_winner if in_winner else effect.with_in_base
    along = f" with {', '.join(others)}" if others else ""
    return f"{effect.hyperparameter}{along} ({number_text(sure.mean, signed=True)}{where})"


def _rows(found: Ablation) -> list[list[Any]]:
    return [
        [
            each.hyperparameter,
            each.base,
            each.winner,
            _text(each.in_winner) + (" *" if each.sure_in_winner else ""),
            _text(each.in_base) + (" *" if each.sure_in_base else ""),
            _along(each),
        ]
        for each in found.effects
    ]


def _along(effect: Effect) -> str:
    """What is only drawn where another has some value, and so went with it."""
    return "; ".join(
        f"in {where}: " + ", ".join(f"{name} = {value}" for name, value in others.items())
        for where, others in (
            ("the winner", effect.with_in_winner),
            ("the base", effect.with_in_base),
        )
        if others
    )


def _text(estimate: Estimate | None) -> str:
    if estimate is None:
        return "a run has failed"
    return estimate_text(estimate.mean, estimate.low, estimate.high, signed=True)


def _figure(found: Ablation) -> Figure:
    effects = found.effects
    data = [
        _trace("in the winner", ACCENT, -APART, [(e.in_winner, e.sure_in_winner) for e in effects]),
        _trace(f"in {found.base}", SOLID, APART, [(e.in_base, e.sure_in_base) for e in effects]),
    ]
    names = [label(e.change, 44) for e in effects]
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
    return figure(
        data,
        label=f"{found.metric} gained by each change, with its 95% interval",
        x={"title": {"text": f"{label(found.metric)} gained"}},
        y={
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "range": [len(names) - 0.5, -0.5],
        },
        height=130 + 42 * len(names),
        shapes=[{**zero, "line": {"color": SOFT, "width": 1}}],
    )


def _trace(
    name: str, colour: str, shift: float, estimates: Sequence[tuple[Estimate | None, bool]]
) -> dict[str, Any]:
    known = [(y + shift, e, sure) for y, (e, sure) in enumerate(estimates) if e is not None]

    def reach(end: float | None, mean: float) -> float | None:
        return round_short(0.0 if end is None else abs(end - mean))

    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(name),
        "x": [round_short(e.mean) for _, e, _ in known],
        "y": [round_short(y) for y, _, _ in known],
        "text": [_text(e) for _, e, _ in known],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [reach(e.high, e.mean) for _, e, _ in known],
            "arrayminus": [reach(e.low, e.mean) for _, e, _ in known],
            "color": colour,
            "thickness": 1.5,
            "width": 0,
        },
        "marker": {
            "color": colour,
            "size": 9,
            "symbol": ["circle" if sure else "circle-open" for _, _, sure in known],
        },
        "hovertemplate": "%{text}<extra></extra>",
    }
