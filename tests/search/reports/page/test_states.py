"""The page of a study in whatever state, with whatever names: whole, and text alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from search.decisions.history import Event, Session
from search.record.record import Record, open_record
from search.reports.page.render import page, write_report
from search.tasks.config import StudyConfig
from tests.search.reports.page.reading import facts_of, text_of
from tests.search.reports.page.simulated import CURVE
from tests.search.studies import epoch, failure, scored, segment, session, suggestion


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return open_record(tmp_path_factory.mktemp("studies"), create=True)


# States


NONE_COMPLETE = scored({1: 0.5}, {3: 0.6}, {1: 0.2})
STUDIES: dict[str, tuple[Callable[[], list[Event]], str]] = {
    "no trial": (lambda: [session("started", 3)], "No trial has begun."),
    "running": (
        lambda: [*NONE_COMPLETE, suggestion(3), segment(3, 1, 1)],
        "Furthest is trial 1, score 0.6000 after 3 epochs.",
    ),
    "none complete": (
        lambda: [*NONE_COMPLETE, session("finished", 3)],
        "Nothing yet: no trial has trained all 9 epochs.",
    ),
    "one trial": (
        lambda: [*scored({9: 0.7}), session("finished", 1)],
        "Trial 0 has the best score, 0.7000, after 9 epochs.",
    ),
    "ended by itself": (
        lambda: [
            *scored({9: 0.7}, {1: 0.2}),
            Session(event="finished", trials=9, details={"why": "no gain: nothing"}),
        ],
        "It ended before its 9 trials: no gain: nothing. Search on? What more trials would bring "
        "is unknown: too few have been tried. python -m search",
    ),
    "all failed": (
        lambda: [
            session("started", 2),
            *[e for n in (0, 1) for e in (suggestion(n), segment(n, 1, 1), failure(n, 1))],
            session("finished", 2),
        ],
        "Nothing: 2 trials failed, all of them for RuntimeError: asked to fail.",
    ),
    "one epoch at a failure": (
        lambda: [
            session("started", 1),
            *[suggestion(0), segment(0, 1, 3), epoch(0, 1, 0.5), failure(0, 2)],
            session("interrupted", 1),
        ],
        "Nothing: its one trial failed, for RuntimeError: asked to fail.",
    ),
}


@pytest.mark.parametrize("state", STUDIES)
def test_every_state_of_a_study_gives_a_page(record: Record, state: str) -> None:
    events, sentence = STUDIES[state]
    config = StudyConfig(
        name=state.replace(" ", "-"), task=CURVE, dataset="ones", baseline=False, max_epochs=9
    )
    study = record.create(config, {"baselines": {}, "objective": {"metric": "score"}})
    record.append(study, *events())

    html = page(facts_of(record, study))

    assert sentence in text_of(html)
    figures = json.loads(re.findall(r'id="plots">(.*?)</script>', html)[0])
    assert all(figure["data"] for figure in figures.values())


# What a user has named


HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;"


def test_what_a_user_has_named_is_text_and_never_markup(record: Record, tmp_path: Path) -> None:
    config = StudyConfig(
        name="hostile", task=CURVE, dataset=HOSTILE, baseline=False, fixed={HOSTILE: HOSTILE}
    )
    study = record.create(config, {"baselines": {HOSTILE: 0.1}, "versions": {HOSTILE: HOSTILE}})
    events = [session("started", 2), suggestion(0, HOSTILE, **{HOSTILE: HOSTILE})]
    events += [segment(0, 1, 9), *[epoch(0, e, 0.5) for e in range(1, 10)]]
    events += [suggestion(1, x=0.1), segment(1, 1, 1), failure(1, 1, reason=HOSTILE)]
    record.append(study, *events, session("finished", 2))

    html = write_report(record, "hostile", tmp_path / "page.html").read_text(encoding="utf-8")

    assert html.count("<script") == 3
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert HOSTILE in text_of(html)
