"""A study to be moved between records, and all that is known of one."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Any

from search.decisions.history import EpochEnd, Event
from search.record.record import Record, Study
from search.tasks.config import StudyConfig
from tests.search import studies

CURVE = "tests.curve_task:TASK"
FLOATS = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.pi * 1e-300)


def fill(record: Record, name: str = "s") -> Study:
    """A study with a promotion, files and readings, and figures that are hard to carry."""
    config = StudyConfig(name=name, task=CURVE, dataset="ones", fixed={"x": 1 / 3})
    study = record.create(config, {"code": "c0de", "baselines": {"zero": 0.1 + 0.2}})
    confirm = dataclasses.replace(config, name=f"{name}.confirm", phase="confirm", parent=name)
    events: list[Event] = studies.scored({1: 0.25}, {1: 0.5, 3: 1 / 3})
    events += [studies.failure(0, 2), studies.session("finished")]
    for end, value in zip((e for e in events if isinstance(e, EpochEnd)), FLOATS, strict=False):
        events[events.index(end)] = dataclasses.replace(end, metrics={"score": value, "ä\n'": 0.0})
    record.append(study, *events)
    record.append(record.create(confirm, {}), studies.session("started"))
    record.ledger.note("a" * 64, "b" * 64, study=study.ledger_name, purpose="final")
    record.ledger.note("c" * 64, "b" * 64, study="another 1.000", purpose="final")
    for path in (
        *("checkpoints/trial-0/epoch-000001.pt", "predictions/labels.arrow", "logs/trial-0.log"),
        *("figures/trial-1/curve.png", "driver.lock", "logs/trial-0.preempted", "notes.txt"),
    ):
        file = record.study_folder(name) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.sha256(path.encode()).digest() * 9)
    return study


def everything(record: Record, name: str = "s") -> Any:
    """All that is known of a study, but for its number in this record."""
    found = [s for s in record.studies() if name in (s.name, s.config.parent)]
    files = {
        path.relative_to(record.folder).as_posix(): path.read_bytes()
        for study in found
        for path in record.study_folder(study.name).rglob("*")
        if path.is_file() and path.name not in ("driver.lock", "notes.txt", "trial-0.preempted")
    }
    known = [
        (dataclasses.replace(s, id=0), record.events(s), record.ledger.readings(s.ledger_name))
        for s in found
    ]
    return known, files
