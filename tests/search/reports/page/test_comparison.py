"""Several studies on one page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from search.errors import UserError
from search.record.record import Record, open_record
from search.reports.page.comparison import compare
from search.reports.recorded_task import shown_task
from search.reports.summary import best_trial
from search.statistics.intervals import difference_of_seeds
from search.tasks.config import StudyConfig
from tests.search.reports.page.reading import text_of
from tests.search.reports.page.simulated import simulated
from tests.search.studies import epoch, segment, session, suggestion


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return open_record(tmp_path_factory.mktemp("studies"), create=True)


@pytest.fixture(scope="module")
def bests(record: Record) -> dict[str, float]:
    """Three seeds of one setting, two of another; the best of each."""
    found = {}
    for name, seed, trials in (
        *(("a0", 0, 20), ("a1", 1, 20), ("a2", 2, 20)),
        *(("b0", 3, 6), ("b1", 4, 6)),
    ):
        study = simulated(record, name, seed=seed, trials=trials, predictions=False)
        best = best_trial(record.history(study), study, shown_task(record, study))
        assert best is not None
        found[name] = best.value("score")
    return found


def test_settings_are_compared_over_their_seeds(record: Record, bests: dict[str, float]) -> None:
    a, b = ([bests[name] for name in names] for names in (("a0", "a1", "a2"), ("b0", "b1")))
    gap = difference_of_seeds(a, b)
    assert gap is not None
    assert gap.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert gap.low is not None

    html = compare(record, list(bests))
    said = text_of(html)

    first = max(bests, key=lambda name: bests[name])
    assert f"score {bests[first]:.4f} by {first}" in said
    assert f"is {abs(gap.mean):.2g} ahead of" in said
    assert f"{'beyond' if gap.beyond_noise else 'within'} the noise of seeds" in said
    figures = json.loads(re.findall(r'id="plots">(.*?)</script>', html)[0])
    bands = [t for t in figures["progress-0"]["data"] if t.get("fill") == "tonexty"]
    assert len(bands) == 2


def test_with_one_seed_each_the_noise_is_unknown(record: Record, bests: dict[str, float]) -> None:
    said = text_of(compare(record, ["a0", "b0"]))

    assert "whether that is more than luck is unknown" in said


def test_studies_of_other_objectives_are_refused(record: Record, bests: dict[str, float]) -> None:
    config = StudyConfig(name="loss", task="not_here:TASK", dataset="d", max_epochs=1)
    origin = {"baselines": {}, "objective": {"metric": "loss", "mode": "min"}}
    study = record.create(config, origin)
    record.append(study, session("started", 1), suggestion(0), segment(0, 1, 1), epoch(0, 1, 0.1))

    with pytest.raises(UserError, match=r"a0 has score \(max\); loss has loss \(min\)"):
        compare(record, ["a0", "loss"])


def test_one_study_is_no_comparison(record: Record, bests: dict[str, float]) -> None:
    with pytest.raises(UserError, match="two studies at least, got a0"):
        compare(record, ["a0"])


def test_studies_without_a_complete_trial_give_a_page(tmp_path: Path) -> None:
    record = open_record(tmp_path, create=True)
    for name in ("one", "two"):
        simulated(record, name, trials=1, baseline=False, predictions=False, max_epochs=27)
    # Begun, and nothing more.
    config = StudyConfig(name="new", task="tests.curve_task:TASK", dataset="ones")
    record.append(record.create(config, {"baselines": {}}), session("started", 3))

    assert "What they cost" in text_of(compare(record, ["new", "one"]))
