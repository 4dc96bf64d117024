"""A finished study made by hand, for commands to be tried on."""

from __future__ import annotations

from typing import Any

from search.record.record import Study
from search.tasks.config import StudyConfig
from tests.conftest import Place
from tests.search.studies import failure, scored, segment, session, suggestion

CURVE = "tests.curve_task:TASK"


def finished_study(place: Place, name: str = "old", **options: Any) -> Study:
    """A finished study of four trials, the last failed; two named points were run in full."""
    config = StudyConfig(name=name, task=CURVE, dataset="ones", trials=4, max_epochs=3, **options)
    origin = {"code": "c", "data": "d", "space": "s", "versions": {}, "baselines": {"zero": 0.0}}
    study = place.record.create(config, origin)
    place.record.append(
        study,
        *scored({3: 0.5}, {3: 0.6}, {1: 0.3}, source="start"),
        *[suggestion(3, source="tpe"), segment(3, 1, 1), failure(3, 1)],
        session("finished", 4),
    )
    return study
