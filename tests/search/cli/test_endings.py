"""What `run` and `resume` say at a study's end, and what they offer to type next."""

from __future__ import annotations

import dataclasses

import pytest

import search
from search.cli.main import parse
from search.cli.studies import _see_through
from search.decisions.history import Event
from search.tasks.config import StudyConfig
from tests.conftest import Place
from tests.search.studies import failure, scored, segment, session, suggestion

ALL_FAILED = [suggestion(0), segment(0, 1, 1), failure(0, 1)]


@pytest.mark.parametrize(
    ("events", "why", "code", "told", "offered"),
    [
        (ALL_FAILED, "", 1, "error: every trial failed: see `show --trial 0`\n", "--trials 2"),
        (scored({3: 0.5}), "", 0, "", "--trials 2"),
        (scored({3: 0.5}), "no gain: none", 0, "", "--no-stop-when-no-gain"),
    ],
)
def test_of_a_finished_study(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    events: list[Event],
    why: str,
    code: int,
    told: str,
    offered: str,
) -> None:
    folder = place.record.folder
    config = StudyConfig(
        name="s", task="tests.curve_task:TASK", dataset="ones", trials=1, max_epochs=3
    )
    study = place.record.create(config, {"baselines": {}})
    ended = dataclasses.replace(session("finished", 1), details={"why": why})
    place.record.append(study, session("started", 1), *events, ended)
    options = parse(["resume", "s", "--studies-dir", str(folder)])

    assert _see_through(options, lambda: search.load("s", studies_dir=folder)) == code

    out, err = capsys.readouterr()
    assert err == told
    assert f"search on:        python -m search resume s {offered}" in out
