"""The screen and the line of a study, rendered for where it stands."""

from __future__ import annotations

import io
import os
import re
import time
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from rich.console import Console

from search.decisions.gain import Gain
from search.decisions.remaining import Remaining
from search.record.study import Study
from search.reports import live
from search.reports.standing import Best, Follower, RungStanding, Standing, Work
from search.tasks.config import StudyConfig
from tests.benchmarks.timed_replay import Pool, timed_replay
from tests.conftest import ROOT
from tests.curve_task import TASK

PICTURE = ROOT / "search" / "live.svg"

BESTS = [
    Best(trial=7, state="complete", value=0.75, curve=[0.25, 0.5, 0.75]),
    Best(trial=4, state="running", value=0.5, curve=[0.5]),
    *[Best(trial=n, state="paused", value=0.25, curve=[0.25]) for n in range(10, 16)],
]
STANDING = Standing(
    name="s",
    metric="score",
    maximise=True,
    elapsed_s=65.0,
    left=Remaining(median_s=125.0, low_s=61.0, high_s=190.0),
    ended="",
    counts={"complete": 1, "paused": 6, "running": 1},
    trials=20,
    epochs=12,
    most_epochs=40,
    best=BESTS,
    incumbent=BESTS[0],
    baselines=[("zero", 0.25), ("default", 0.5)],
    rungs=[
        RungStanding(epoch=1, reached=8, went_on=2, best=0.5, cut_off=0.5),
        RungStanding(epoch=3, reached=1, went_on=0, best=0.75, cut_off=None),
    ],
    work=[Work(trial=4, epoch=2, target=3)],
    workers=2,
    utilisation=0.873,
    failures=[("NaN in epoch 2", 3)],
)


def text(standing: Standing = STANDING, **options) -> str:
    width = options.get("width", 100)
    console = Console(width=width, height=60, file=io.StringIO(), record=True)
    console.print(live.screen(standing, **options))
    return console.export_text()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 30), (40, 24), (80, 12)])
def test_it_fits_into_the_terminal(width, height):
    lines = text(width=width, height=height).rstrip().splitlines()

    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 18)


def test_it_tells_what_more_trials_may_add_where_the_study_may_end_for_it():
    gain = Gain(mean=0.0123, low=0.004, high=0.02, reach=0.3, complete=5, noise=0.01)
    assert "32 more trials: 0.012 (0.004 to 0.02) better; it ends below 0.0025" in text(
        replace(STANDING, gain=gain)
    )
    assert "more trials" not in text()


def test_it_tells_progress_rungs_best_trials_workers_failures_and_baselines():
    shown = text(width=80, height=30)

    assert "12 of at most 40 epochs  1:05 gone, 2:05 left (1:01 to 3:10)" in shown
    assert re.search(r"epoch 1 +8 +2 +0.5000 +0.5000", shown)
    assert re.search(r"7 +0.7500 +3 +▁▅█ +complete", shown)
    assert "best: score 0.7500 (trial 7)" in shown
    assert "against: zero 0.2500 (+0.5000), default 0.5000 (+0.2500)" in shown
    assert "1 of 2 train; 87% of core time trained" in shown
    assert "trial 4: epoch 2 of 3, 1 idle" in shown
    assert "failed: 3 × NaN in epoch 2" in shown


def test_where_small_is_better_a_smaller_best_is_better():
    shown = text(replace(STANDING, maximise=False))

    assert "default 0.5000 (-0.2500)" in shown


def test_on_a_wide_terminal_tables_lie_side_by_side():
    rows = [row for row in text(width=120).splitlines() if row.lstrip().startswith("epoch 1")]

    assert re.search(r"epoch 1 .* 7 +0.7500", rows[0])


def test_more_than_sixteen_workers_are_told_in_groups():
    work = [Work(trial=n, epoch=1, target=1 if n < 600 else 3) for n in range(950)]

    shown = text(replace(STANDING, work=work, workers=1000))

    assert "950 of 1000 train" in shown
    assert "600 to epoch 1, 350 to epoch 3, 50 idle" in shown


def test_what_is_unknown_is_told_so():
    early = replace(STANDING, left=None, incumbent=None, best=[], utilisation=None, baselines=[])

    assert "time left unknown" in text(early)
    assert "no trial is complete yet" in text(early)
    assert "no trial is complete yet" in live.line(early)


def test_before_the_first_trial_it_is_starting():
    empty = replace(STANDING, counts={})

    assert "starting 2 workers" in text(empty)
    assert live.line(empty) == "1:05  starting"


def test_the_line_has_states_epochs_time_left_and_the_best():
    assert live.line(STANDING) == (
        "1:05  1 complete, 6 paused, 1 running; epochs 12 of 40, 2:05 left (1:01 to 3:10); "
        "score 0.7500 (trial 7)"
    )


def test_a_record_that_does_not_answer_is_told():
    away = replace(STANDING, problem="it is away; trials pause, 3 events wait to be recorded")

    assert "3 events wait" in live.line(away)
    assert "3 events wait" in text(away)


def test_an_end_is_told_in_place_of_the_time_left():
    ended = replace(STANDING, ended="stopped", left=None)

    assert "1:05 gone, stopped" in text(ended)


def test_a_sparkline_has_a_character_an_epoch_or_few_of_many():
    assert live.sparkline([0.0, 0.5, 1.0], 0.0, 1.0) == "▁▅█"
    assert live.sparkline([0.0, 1.0], 0.0, 1.0, ascii_only=True) == ".@"
    assert live.sparkline([0.3], 0.3, 0.3) == "▁"
    long = live.sparkline([n / 999 for n in range(1000)], 0.0, 1.0)
    assert len(long) == 18
    assert long[-1] == "█"


def test_the_picture_in_the_readme_is_one_of_this_screen(monkeypatch):
    """Of a study that is replayed. With SEARCH_NEW_PICTURES=1 it is taken anew."""
    console = Console(width=118, file=io.StringIO(), record=True, legacy_windows=False)
    console.print(live.screen(_replayed(monkeypatch), width=118, height=30))
    taken = console.export_svg(title="python -m search run sts", unique_id="live")

    assert len(taken) <= 300_000
    if os.environ.get("SEARCH_NEW_PICTURES"):
        PICTURE.write_text(taken, encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8").count("<text") == taken.count("<text")
    assert f"]({PICTURE.name})" in (ROOT / "search" / "README.md").read_text(encoding="utf-8")


def _replayed(monkeypatch: pytest.MonkeyPatch) -> Standing:
    """A study of 64 trials by 4 workers, at six tenths of its time."""
    random = np.random.default_rng(0)
    ends = random.uniform(0.55, 0.78, 32)
    curves = [[end - (end - 0.3) * 0.6**epoch for epoch in range(1, 10)] for end in ends]
    pool = Pool(curves, list(random.uniform(1.0, 3.0, 32)))
    config = StudyConfig(
        name="sts-20261128-094512", task="tests.curve_task:TASK", dataset="ones", workers=4
    )
    study = Study(
        id=1, name=config.name, created_at=0.0, config=config,
        origin={"baselines": {"tfidf_cosine": 0.7556}},
    )  # fmt: skip
    events = timed_replay(pool, config, random=random, failing=0.05)
    now = 0.6 * events[-1][0]
    follower = Follower(Mock(), study, TASK)
    for at, event in events:
        if at <= now:
            follower.history.apply(at, event)
    monkeypatch.setattr(time, "time", lambda: now)
    return follower.standing()


def test_names_cannot_disturb_the_terminal():
    shown = text(replace(STANDING, metric="a\x1b[31m", failures=[("b\x1b[2J", 1)]))

    assert "\x1b" not in shown
