"""What the page says of an ablation of its study."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from search.record.record import Record, open_record
from search.reports.ablation import Ablation, Effect, describe, keep
from search.reports.page.ablation import ablation
from search.reports.page.facts import Facts
from search.reports.pictures import draw_ablation
from search.statistics.intervals import Estimate
from search.tasks.config import StudyConfig
from tests.search.reports.page.reading import facts_of
from tests.search.reports.page.simulated import CURVE, simulated


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = open_record(tmp_path / "studies", create=True)
    simulated(made, trials=20, predictions=False)
    return made


def _facts(record: Record, name: str = "made") -> Facts:
    return facts_of(record, record.study(name))


def _effect(name: str, winner: Any, mean: float, *, sure: bool, **options: Any) -> Effect:
    worth = Estimate(mean=mean, low=mean - 0.01, high=mean + 0.01)
    fields = {
        "hyperparameter": name,
        "winner": winner,
        "base": "other",
        "in_winner": worth,
        "in_base": worth,
        "sure_in_winner": sure,
        "sure_in_base": False,
        "with_in_winner": {},
        "with_in_base": {},
    }
    return Effect(**{**fields, **options})


def _ablated(record: Record, trial: int | None = None) -> Ablation:
    """Of the best trial, or of another, on record as if it had been trained."""
    facts = _facts(record)
    assert facts.best is not None
    number = facts.best.number if trial is None else trial
    config = facts.history.trials[number].suggestion.config
    made = Ablation(
        study="made-ablation",
        metric="score",
        seeds=3,
        trial=number,
        base="start",
        scores={"winner": [0.8, 0.81], "start": [0.7, 0.71]},
        whole=Estimate(mean=0.1, low=0.08, high=0.12),
        effects=[
            _effect("x", config["x"], 0.09, sure=True, with_in_winner={"fault": "none"}),
            _effect("kind", config["kind"], 0.004, sure=False, with_in_base={"bump": 0.25}),
            _effect("epoch_s", config["epoch_s"], -0.2, sure=False, in_winner=None),
        ],
    )
    if "made-ablation" not in record.names():
        ours = StudyConfig(name="made-ablation", task=CURVE, dataset="ones", max_epochs=9)
        objective = {"metric": "score", "mode": "max"}
        record.create(ours, {"baselines": {}, "objective": objective})
    keep(record.study_folder("made-ablation"), made)
    return made


def test_it_tells_what_made_the_difference(record: Record) -> None:
    made = _ablated(record)

    chart = ablation(_facts(record))

    assert chart is not None
    assert chart.caption == (
        f"From start to trial {made.trial} score gains +0.1000 [+0.0800, +0.1200] on fresh seeds. "
        "Of its 3 changes 1 is beyond the noise: x with fault (+0.0900). "
        "Not beyond it: kind, epoch_s."
    )
    assert chart.table is not None
    x, kind, epoch_s = chart.table.rows
    assert x[5] == "in the winner: fault = none"
    assert x[3] == "+0.0900 [+0.0800, +0.1000] *"
    assert kind[5] == "in the base: bump = 0.25"
    assert epoch_s[3] == "a run has failed"
    in_winner, in_base = chart.figures[0].data
    assert in_winner["x"] == [0.09, 0.004]
    assert in_winner["marker"]["symbol"] == ["circle", "circle-open"]
    assert in_winner["error_x"]["array"] == pytest.approx([0.01, 0.01])
    assert len(in_base["x"]) == 3


def test_it_stands_on_the_ablation_s_own_page_too(record: Record) -> None:
    _ablated(record)

    chart = ablation(_facts(record, "made-ablation"))

    assert chart is not None
    assert "was the best then" not in chart.caption


def test_that_there_is_a_better_trial_now_is_told(record: Record) -> None:
    best = _facts(record).best
    assert best is not None
    _ablated(record, trial=0)

    chart = ablation(_facts(record))

    assert chart is not None
    assert f"Trial 0 was the best then; now trial {best.number} is." in chart.caption


def test_of_another_study_of_that_name_it_tells_nothing(record: Record) -> None:
    made = _ablated(record)
    other = dataclasses.replace(made, effects=[_effect("x", -7.0, 0.1, sure=True)])
    keep(record.study_folder("made-ablation"), other)

    assert ablation(_facts(record)) is None


@pytest.mark.parametrize("content", ["", "[]", '{"study": 3}', '{"effects": {"x": 1}}'])
def test_a_file_that_is_none_of_ours_adds_nothing(record: Record, content: str) -> None:
    _ablated(record)
    (record.study_folder("made-ablation") / "predictions/ablation.json").write_text(content)

    assert ablation(_facts(record)) is None


def test_it_is_a_picture_too(record: Record, tmp_path: Path) -> None:
    path = draw_ablation(_ablated(record), tmp_path)

    assert path.name == "ablation.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_winner_whose_runs_have_failed_is_told(record: Record) -> None:
    made = dataclasses.replace(_ablated(record), scores={"start": [0.5]}, whole=None)

    said = describe(made)

    assert f"\nx: other → {made.effects[0].winner:.4g}\n" in said
    assert "winner: score unknown, each of its runs has failed" in said
    assert "start: score 0.5000 (mean of 1 runs)" in said
