"""Chart 9: the search's scores against fresh seeds, once there is a promotion; what it found."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.reports.numbers import estimate_text, number_text, number_texts
from search.reports.page.chart import (
    ACCENT,
    INK,
    SOLID,
    Chart,
    Figure,
    Table,
    figure,
    gap_text,
    label,
    many,
    round_short,
    table,
)
from search.reports.page.facts import Facts
from search.reports.promotion_result import kept_promotion
from search.statistics.intervals import seed_interval

__all__ = ["Fresh", "fresh_scores", "promotion", "sentences"]


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A trial that was trained again on fresh seeds."""

    trial: int
    search: float
    scores: Sequence[float]  # of the race and, of the candidate, of the final runs

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)


def fresh_scores(facts: Facts) -> list[Fresh]:
    """By the record of the promotion's phases; the one with the most runs first, then the best."""
    found: dict[int, list[float]] = {}
    for run in facts.promotion_runs:
        kind, _, number = run.suggestion.source.partition(" ")
        if kind == "trial" and number.isdecimal():
            found.setdefault(int(number), []).append(facts.value(run))
    trials = facts.history.trials
    fresh = [
        Fresh(trial=number, search=facts.value(trials[number]), scores=scores)
        for number, scores in found.items()
        if number < len(trials) and trials[number].epochs
    ]
    return sorted(fresh, key=lambda f: (-len(f.scores), -facts.task.sign * f.mean))


def sentences(facts: Facts, fresh: Sequence[Fresh]) -> list[str]:
    """What fresh seeds say of the search's best, or of those that were trained again."""
    if not fresh or facts.best is None:
        return []
    best = next((each for each in fresh if each.trial == facts.best.number), fresh[0])
    interval = seed_interval(best.scores)
    luck = facts.task.sign * (best.search - best.mean)
    told = (
        f"On {many(len(best.scores), 'fresh seed')} trial {best.trial} scores "
        f"{estimate_text(best.mean, interval.low, interval.high)} on average: the search showed it "
        f"{gap_text(abs(luck))} {'better' if luck > 0 else 'worse'} than that."
    )
    return [told, *_tested(facts)]


def _tested(facts: Facts) -> Iterator[str]:
    kept = kept_promotion(facts.folder)
    with contextlib.suppress(KeyError, TypeError, ValueError):
        test = kept["final"]["test"]
        yield (
            f"On the test split trial {int(kept['candidate']['trial'])} scores "
            f"{estimate_text(test['mean'], test['low'], test['high'])}, {int(test['n'])} runs."
        )
    readings = facts.record.ledger.tested_by(facts.study.ledger_name)
    if readings:
        yield f"The test split was read for {many(readings, 'model')} by this study."


def promotion(facts: Facts, fresh: Sequence[Fresh]) -> Chart | None:
    """`fresh`: by `fresh_scores`. None without a promotion."""
    if not fresh:
        return None
    numbers = [n for each in fresh for n in (each.search, each.mean)]
    texts = number_texts(numbers)
    rows = [
        [
            f"trial {each.trial}",
            texts[2 * i],
            texts[2 * i + 1],
            len(each.scores),
            number_text(facts.task.sign * (each.search - each.mean), signed=True),
        ]
        for i, each in enumerate(fresh)
    ]
    columns = ["trial", "in the search", "mean on fresh seeds", "runs", "optimism"]
    return Chart(
        id="promotion",
        title="Search score against fresh seeds",
        caption=_caption(facts, fresh),
        figures=[_figure(facts, fresh)],
        table=table(columns, rows),
        more=_more(kept_promotion(facts.folder)),
        note="Each dot is a run on a seed that the search did not see. Optimism is how much better "
        "the search showed a trial; the best of many is the luckiest, too.",
    )


def _figure(facts: Facts, fresh: Sequence[Fresh]) -> Figure:
    names = {each.trial: f"trial {each.trial}" for each in fresh}
    seen = [(names[each.trial], score) for each in fresh for score in each.scores]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "y": [label(y) for y, _ in points],
            "x": [round_short(x) for _, x in points],
            "marker": marker,
            "hovertemplate": f"%{{y}}, {name}: %{{x}}<extra></extra>",
        }
        for name, points, marker in (
            ("fresh seed", seen, {"color": SOLID, "size": 7, "opacity": 0.7}),
            (
                "mean of these",
                [(names[each.trial], each.mean) for each in fresh],
                {"color": ACCENT, "size": 12, "symbol": "line-ns-open", "line": {"width": 3}},
            ),
            (
                "in the search",
                [(names[each.trial], each.search) for each in fresh],
                {"color": INK, "size": 9, "symbol": "diamond-open"},
            ),
        )
    ]
    return figure(
        data,
        label=f"{facts.metric} in the search and on fresh seeds, by trial",
        x={"title": {"text": label(facts.metric)}},
        y={"type": "category", "autorange": "reversed"},
        height=150 + 30 * len(fresh),
    )


def _caption(facts: Facts, fresh: Sequence[Fresh]) -> str:
    optimism = [facts.task.sign * (each.search - each.mean) for each in fresh]
    mean = statistics.fmean(optimism)
    told = " ".join(sentences(facts, fresh))
    return (
        f"{told} Over the {many(len(fresh), 'trial')} trained again the search was "
        f"{gap_text(abs(mean))} too {'optimistic' if mean > 0 else 'pessimistic'} on average."
    )


def _more(kept: Mapping[str, Any]) -> dict[str, Table]:
    """What the promotion kept of its end: scores, the test by group, ensemble, audit."""
    found = {}
    for name, columns, rows in (
        ("Final runs", ["what", "score", "95% interval", "runs"], _scores),
        ("On the test split", ["what", "score", "the final runs minus it"], _test),
        ("By group of test examples", ["group", "score", "examples"], _groups),
        ("Ensemble", ["what", "value"], _ensemble),
        ("Audit of stopped trials", ["trial", "stopped at epoch", "end", "minus the best"], _audit),
    ):
        # The file may be of another version, or somebody else's.
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            if made := list(rows(kept)):
                found[name] = table(columns, made)
    return found


def _scores(kept: Mapping[str, Any]) -> Iterator[list[Any]]:
    corrected = kept["corrected"]
    interval = f"{corrected['low']:.4f} to {corrected['high']:.4f}"
    yield ["search, corrected for the choice", float(corrected["mean"]), interval, 1]
    for split in ("validation", "test"):
        score = kept["final"][split]
        interval = "unknown"
        if score["low"] is not None:
            interval = f"{score['low']:.4f} to {score['high']:.4f}"
        yield [split, float(score["mean"]), interval, int(score["n"])]


def _test(kept: Mapping[str, Any]) -> Iterator[list[Any]]:
    for name, baseline in kept["final"]["baselines"].items():
        gap = baseline["final_minus_this"]
        shown = estimate_text(gap["mean"], gap["low"], gap["high"], signed=True)
        yield [name, float(baseline["value"]), shown]


def _groups(kept: Mapping[str, Any]) -> Iterator[list[Any]]:
    for group, score in kept["final"]["test"]["groups"].items():
        yield [group, float(score["mean"]), int(score["n"])]


def _ensemble(kept: Mapping[str, Any]) -> Iterator[list[Any]]:
    ensemble = kept["ensemble"]
    score = ensemble["score"]
    yield ["members", ", ".join(str(member) for member in ensemble["members"])]
    yield ["corrected score", estimate_text(score["mean"], score["low"], score["high"])]


def _audit(kept: Mapping[str, Any]) -> Iterator[list[Any]]:
    for row in kept["audit"]["audited"]:
        end = ("failed", "") if row["failed"] else (float(row["value"]), float(row["minus_best"]))
        yield [row["trial"], row["epoch"], *end]
