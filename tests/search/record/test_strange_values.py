"""Numbers and texts that a database might not take: each is read back as it was, or escaped."""

from __future__ import annotations

import dataclasses
import math

from search.record.record import Record
from search.tasks.config import StudyConfig
from tests.search.studies import epoch, failure, segment, session, suggestion

CONFIG = {
    "infinite": math.inf,
    "least": -math.inf,
    "Infinity": "Infinity, -Infinity",
    "whole": 2**70 + 1,
    "zero": -0.0,
    "denormal": 5e-324,
    "text": 'é№ "\\u0000" \\ud800 🎯',
    "none": None,
}
METRICS = {"": 1e308, "a//b": 5e-324, "acc%": -0.0, "\n": 1e-7, "m" * 300: 1e12 + 1e-3, "精度": 1.0}


def test_every_database_gives_back_what_it_was_given(record: Record):
    study = record.create(StudyConfig(name="s", task="t", dataset="d"), {"baselines": {"é%": 1e-9}})
    ended = dataclasses.replace(epoch(0, 1, 0.5), metrics=METRICS)
    drawn = dataclasses.replace(suggestion(0), config=CONFIG)
    said = failure(0, 2, reason="no \udcff, no \0, but №")
    last = dataclasses.replace(session("stopped"), details={"why": "\udcff\0", "n": 2})
    record.append(study, session("started", 1), drawn, segment(0, 1, 2), ended, said, last)

    [trial] = record.history(record.study("s")).trials

    assert repr(dict(trial.suggestion.config)) == repr(CONFIG)
    assert repr(dict(trial.epochs[0].metrics)) == repr(METRICS)
    assert trial.failures[0].reason == "no \\udcff, no \\x00, but №"
    session_now = record.history(study).last_session
    assert session_now is not None
    assert dict(session_now.details) == {"why": "\udcff\0", "n": 2}
    assert dict(record.study("s").origin) == {"baselines": {"é%": 1e-9}}
