"""The page of a study: what it says is what the record tells, whatever state the study is in."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import shlex
from pathlib import Path

import pytest

from search.decisions.gain import LEAST_COMPLETE, expected_gain
from search.record.record import Record, open_record
from search.reports.numbers import number_text
from search.reports.page.chart import Chart, span_text
from search.reports.page.facts import Facts, gather
from search.reports.page.ranges import mirrored
from search.reports.page.render import charts, page, write_report
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.reports.page.reading import facts_of, text_of
from tests.search.reports.page.simulated import CURVE, simulated
from tests.search.studies import epoch, segment, session, suggestion

LIMIT_BYTES = 6_000_000


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return open_record(tmp_path_factory.mktemp("studies"), create=True)


@pytest.fixture(scope="module")
def made(record: Record) -> Facts:
    return facts_of(record, simulated(record))


# Sentences against the record


def test_who_won_and_by_how_much(made: Facts) -> None:
    complete = [t for t in made.history.trials if t.epoch == 9]
    best = max(complete, key=lambda t: t.epochs[-1].metrics["score"])
    value = best.epochs[-1].metrics["score"]

    said = text_of(page(made))

    assert (
        f"Trial {best.number} has the best score, {number_text(value)}, after 9 epochs, "
        f"of {len(complete)} trials that trained in full." in said
    )
    start = made.history.trials[0].epochs[-1].metrics["score"]
    assert f"It is {value - start:.2g} better than start ({start:.4f}, trial 0)." in said
    assert f"It is {value - 0.55:.2g} better than zero (0.5500, without training)." in said


def test_whether_it_is_real(made: Facts) -> None:
    claim = made.summary["baselines"]["zero"]["best_minus_this"]

    said = text_of(page(made))

    assert f"{claim['difference']:+.4f} [{claim['low']:+.4f}, {claim['high']:+.4f}]" in said
    assert "unknown until it is trained again on fresh seeds" in said
    noise = made.example_noise
    assert noise is not None
    assert f"Another validation split would move its score by up to {noise:.2g} (95%)" in said


def test_what_it_cost(made: Facts) -> None:
    epochs = [epoch for trial in made.history.trials for epoch in trial.epochs]
    trials, [span] = len(made.history.trials), made.history.spans
    cpu_s = sum(epoch.cpu_s for epoch in epochs)
    planned = made.summary["epochs_planned"]
    assert planned >= len(epochs)

    said = text_of(page(made))

    assert (
        f"It took {span_text(span.ended - span.started)} by the clock and {span_text(cpu_s)} of "
        f"CPU time for {len(epochs)} epochs of {trials} trials (planned were at most {planned}), "
        "on 3 workers." in said
    )
    share = cpu_s / (3 * (span.ended - span.started))
    assert f"{share:.0%} of the cores' time was training." in said
    spared = 1 - len(epochs) / (9 * trials)
    assert f"early stopping and failures spared {spared:.0%} of them" in said


def test_whether_to_search_on(made: Facts) -> None:
    drawn = [t for t in made.trained if t.number > 1]
    complete = [t for t in drawn if t.epoch == 9]
    assert len(complete) >= LEAST_COMPLETE
    gain = expected_gain(
        [t.value("score", 1) for t in drawn],
        [t.value("score") if t.epoch == 9 else math.nan for t in drawn],
        others=[(t.value("score", 1), t.value("score")) for t in made.history.trials[:2]],
    )
    noise = made.example_noise
    assert gain is not None
    assert noise is not None
    assert gain.high < noise
    assert (
        f"32 more trials may be expected to better it by {gain.mean:.2g} ({gain.low:.2g} to "
        f"{gain.high:.2g}, in 8 of 10 cases), less than the noise of examples (±{noise:.2g})."
    ) in text_of(page(made))


def test_how_many_failed_and_where(record: Record) -> None:
    facts = facts_of(record, simulated(record, "many", trials=150, predictions=False))
    failed = [t for t in facts.history.trials if t.failed]
    share = len(failed) / len(facts.history.trials)

    said = text_of(page(facts))

    assert f"{len(failed)} trials failed, {share:.0%} of all" in said
    assert "Most stand where x is " in said


def test_the_command_begins_the_same_study(made: Facts) -> None:
    assert (
        f"python -m search run {CURVE} --trials 40 --max-epochs 9 --seed 0 --dataset ones "
        "--workers 3" in text_of(page(made))
    )


def test_of_points_that_were_trained_on_several_seeds_the_mean_is_told(record: Record) -> None:
    points = {"low": TASK.configure({"x": 0.1}), "high": TASK.configure({"x": 0.6})}
    config = StudyConfig(
        name="points",
        task=CURVE,
        dataset="ones",
        trials=4,
        max_epochs=1,
        points=points,
        point_seeds=2,
    )
    study = record.create(config, {"baselines": {}})
    record.append(study, session("started", 4))
    named = [(name, seed) for seed in (0, 1) for name in points]
    for number, (name, seed) in enumerate(named):
        score = 0.5 + 0.25 * (name == "high") + 0.125 * seed
        whole = suggestion(number, name, **points[name])
        record.append(study, whole, segment(number, 1, 1), epoch(number, 1, score))
    record.append(study, session("finished", 4))

    said = text_of(page(facts_of(record, study)))

    assert "It is 0.31 better than low (0.5625, the mean of 2 runs)" in said
    again = shlex.split(said[said.index("python -m search run") :].partition(" Code, data")[0])
    assert json.loads(again[again.index("--points") + 1]) == points
    assert again[again.index("--point-seeds") + 1] == "2"


# Charts


def _charts(facts: Facts) -> list[Chart]:
    return charts(facts, mirrored(facts))


def test_each_chart_has_a_caption_and_its_table(made: Facts) -> None:
    for chart in _charts(made):
        assert chart.caption.endswith("."), chart.id
        assert chart.table is not None, chart.id
        assert chart.table.rows, chart.id
        assert all(len(row) == len(chart.table.columns) for row in chart.table.rows), chart.id


def test_the_lanes_of_a_timeline_hold_one_trial_at_a_time(made: Facts) -> None:
    from search.reports.page.timeline import core_time, pieces

    found = pieces(made)
    for lane in range(3):
        of = sorted((p.began, p.ended) for p in found if p.lane == lane)
        assert all(later[0] >= earlier[1] - 1e-6 for earlier, later in itertools.pairwise(of))
    assert sum(p.last_epoch - p.first_epoch + 1 for p in found) == made.history.epochs
    [span] = made.history.spans
    assert core_time(made).total == pytest.approx(3 * span.wall_s, rel=1e-6)


def test_of_many_workers_it_is_shown_how_many_train(record: Record) -> None:
    study = simulated(record, "wide", trials=40, workers=20, predictions=False)

    [chart] = [c for c in _charts(facts_of(record, study)) if c.id == "timeline"]

    training, idle = chart.figures[0].data
    assert 15 < max(training["y"]) <= 20
    assert idle["y"] == [20, 20]


def test_where_smaller_is_better_the_same_trials_win(record: Record, made: Facts) -> None:
    task = dataclasses.replace(TASK, metric="loss", mode="min")
    turned = gather(record, record.study("made"), task)
    assert turned.best is not None
    assert made.best is not None

    said = text_of(page(turned))

    assert turned.best.number == made.best.number
    assert f"has the best loss, {1 - made.value(made.best):.4f}, after 9 epochs" in said
    gap = made.value(made.best) - made.value(made.history.trials[0])
    assert f"It is {gap:.2g} better than start" in said
    for chart, other in zip(_charts(turned)[5:7], _charts(made)[5:7], strict=True):
        assert chart.caption == other.caption


def test_a_page_is_written_whole_and_asks_for_nothing(
    record: Record, made: Facts, tmp_path: Path
) -> None:
    path = write_report(record, made.study.name, tmp_path / "new" / "made.html")

    assert [other.name for other in path.parent.iterdir()] == ["made.html"]
    assert path.stat().st_size < LIMIT_BYTES
    assert "default-src 'none'" in path.read_text(encoding="utf-8")
