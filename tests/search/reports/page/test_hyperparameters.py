"""What the page says of hyperparameters and rungs, against numbers computed anew."""

from __future__ import annotations

import itertools
import re
import warnings
from pathlib import Path

import optuna
import pandas as pd
import pytest

import tests.curve_task
from search.record.record import Record, open_record
from search.reports.page.facts import Facts, gather
from search.reports.page.importance import Importance, importance, importances
from search.reports.page.ranges import drawn, mirrored
from search.reports.page.rungs import agreements, rungs
from search.reports.page.slices import boundaries, slices, widen_sentence
from search.reports.recorded_task import shown_task
from search.tasks.config import StudyConfig
from tests.search.reports.page.simulated import CURVE, simulated
from tests.search.studies import epoch, segment, session, suggestion


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return open_record(tmp_path_factory.mktemp("studies"), create=True)


@pytest.fixture(scope="module")
def made(record: Record) -> Facts:
    study = simulated(record, trials=90, predictions=False)
    return gather(record, study, shown_task(record, study))


def _of(record: Record, name: str, *configs: dict[str, object], scores: list[float]) -> Facts:
    """A study of complete trials."""
    config = StudyConfig(name=name, task=CURVE, dataset="ones", baseline=False, max_epochs=3)
    study = record.create(config, {"baselines": {}})
    record.append(study, session("started", len(configs)))
    for number, (drawn_, score) in enumerate(zip(configs, scores, strict=True)):
        ended = [epoch(number, e, score) for e in (1, 2, 3)]
        whole = tests.curve_task.TASK.configure(drawn_)  # type: ignore[arg-type]
        record.append(study, suggestion(number, **whole), segment(number, 1, 3), *ended)
    record.append(study, session("finished", len(configs)))
    return gather(record, study, shown_task(record, study))


@pytest.fixture(scope="module")
def found(made: Facts) -> list[Importance]:
    return importances(made, mirrored(made))


# Which matters


def test_which_hyperparameter_matters_is_what_optuna_says_of_the_first_rung(
    made: Facts, found: list[Importance]
) -> None:
    theirs = optuna.create_study(direction="maximize")
    at_first = [t.epochs[0].metrics["score"] for t in made.history.trials if t.epochs]
    for trial in made.history.trials:
        config = trial.suggestion.config
        params = {name: config[name] for name in ("x", "kind")}
        ranges = {
            "x": optuna.distributions.FloatDistribution(0.0, 1.0),
            "kind": optuna.distributions.CategoricalDistribution(["plain", "bumpy"]),
        }
        value = trial.epochs[0].metrics["score"] if trial.epochs else min(at_first)
        theirs.add_trial(
            optuna.trial.create_trial(value=value, params=params, distributions=ranges)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
    share = optuna.importance.get_param_importances(theirs, evaluator=evaluator)["x"]

    caption = importance(made, found).caption

    assert caption.startswith(f"x matters most: after 1 epoch it explains {share:.0%} [")
    assert f"of what {len(made.history.trials)} trials differ by" in caption
    first = found[0]
    assert first.low <= first.share <= first.high


def test_one_that_is_drawn_in_a_branch_is_judged_by_the_trials_that_have_it(
    made: Facts, found: list[Importance]
) -> None:
    bumpy = [t for t in made.history.trials if t.suggestion.config["kind"] == "bumpy"]

    [bump] = [each for each in found if each.name == "bump"]

    assert bump.trials == len(bumpy)


def test_of_few_trials_it_is_unknown(record: Record) -> None:
    facts = _of(record, "few", {"x": 0.1}, {"x": 0.2}, scores=[0.1, 0.2])

    assert importance(facts, importances(facts, mirrored(facts))).caption.startswith(
        "Unknown: fewer than 10"
    )


# Where to widen


def test_a_best_at_the_end_of_a_range_says_how_far_to_widen_it(record: Record) -> None:
    facts = _of(
        record,
        "edge",
        *[{"x": 0.5, "kind": "bumpy", "bump": bump} for bump in (0.99, 0.98, 0.5, 0.2)],
        scores=[0.9, 0.8, 0.7, 0.6],
    )
    all_drawn = drawn(facts, mirrored(facts))

    chart = slices(facts, mirrored(facts), [])

    [found] = boundaries(facts, all_drawn)
    assert (found.name, found.end, found.widen_to, found.best_there) == ("bump", 1.0, 1.5, 2)
    assert widen_sentence([found]) == chart.caption
    assert "bump (1, as in 2 of the best 3): widen to 1.5" in chart.caption
    [mark] = [f.layout["annotations"][0] for f in chart.figures if "annotations" in f.layout]
    assert mark["text"] == "widen to 1.5"


def test_no_range_is_widened_beyond_what_the_task_takes(record: Record) -> None:
    facts = _of(
        record, "bound", *[{"x": x} for x in (1.0, 0.9, 0.8, 0.1)], scores=[0.9, 0.8, 0.7, 0.6]
    )

    assert boundaries(facts, drawn(facts, mirrored(facts))) == []
    assert "none needs to be widened" in slices(facts, mirrored(facts), []).caption


def test_of_a_task_that_is_not_here_the_ranges_are_those_seen(
    record: Record, tmp_path: Path
) -> None:
    config = StudyConfig(name="strange", task="not_here:TASK", dataset="d", max_epochs=1)
    origin = {"baselines": {}, "objective": {"metric": "score", "mode": "max"}}
    study = record.create(config, origin)
    record.append(study, session("started", 12))
    for n in range(12):
        drawn_ = {"rate": 10.0 ** (-n / 2), "units": n, "kind": "ab"[n % 2]}
        record.append(study, suggestion(n, **drawn_), segment(n, 1, 1), epoch(n, 1, n / 12))
    facts = gather(record, study, shown_task(record, study))

    found = {each.name: each for each in drawn(facts, mirrored(facts))}

    assert found["rate"].log
    assert found["units"].ends == (0, 11)
    assert found["kind"].choices == ["a", "b"]
    assert not any(each.known for each in found.values())
    assert boundaries(facts, list(found.values())) == []


# Rungs


def test_whether_the_early_stopping_was_fair(made: Facts) -> None:
    complete = [t for t in made.history.trials if t.epoch == 9]
    scores = pd.DataFrame([[e.metrics["score"] for e in t.epochs] for t in complete])
    with warnings.catch_warnings():
        over_all = scores[0].rank().corr(scores[8].rank())
        best = scores.nlargest(-(-len(scores) // 3), 8)
        among_best = best[0].rank().corr(best[8].rank())

    chart = rungs(made)

    assert chart is not None
    assert f"rank correlation {over_all:.2f} [" in chart.caption
    assert f"over {len(complete)} trials that trained to the end" in chart.caption
    assert f"Among the best third it is {among_best:.2f} ({len(best)} trials)" in chart.caption
    low, high = map(float, re.findall(r"\[(-?[\d.]+), (-?[\d.]+)\]", chart.caption)[0])
    verdict = "Fair" if low > 0.5 else "Not fair" if high < 0.5 else "Not decided"
    assert chart.caption.startswith(f"{verdict}: ")
    drawn_ = [t for t in made.trained if t.number > 1]
    ahead = [t for t in drawn_ if t.epochs[0].metrics["score"] > _first(made)]
    assert f"stood at place {len(ahead) + 1} of {len(drawn_)} at epoch 1" in chart.caption


def _first(facts: Facts) -> float:
    assert facts.best is not None
    return facts.best.epochs[0].metrics["score"]


def test_each_rung_is_compared_with_the_next_and_with_the_end(made: Facts) -> None:
    pairs = [(each.rung, each.later) for each in agreements(made)]

    assert [pair for pair, _ in itertools.groupby(pairs)] == [(1, 3), (1, 9), (3, 9)]


def test_where_none_is_stopped_nothing_is_said_of_rungs(record: Record) -> None:
    study = simulated(record, "whole", trials=6, scheduler="none", predictions=False)

    assert rungs(gather(record, study, shown_task(record, study))) is None
