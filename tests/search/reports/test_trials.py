"""The best trials of a study as a table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from search.record.record import Record, Study, open_record
from search.reports.trials import describe_best, trials_table
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion


def _study(tmp_path: Path, *trials: tuple[dict[str, object], float]) -> tuple[Record, Study]:
    """Each of one epoch: configuration, score."""
    record = open_record(tmp_path, create=True)
    config = {"task": "tests.curve_task:TASK", "dataset": "ones", "max_epochs": 1}
    study = record.create(StudyConfig(name="s", **config), {"baselines": {}})
    events = [session("started", len(trials))]
    for number, (values, score) in enumerate(trials):
        drawn = dataclasses.replace(suggestion(number), config=values)
        events += [drawn, segment(number, 1, 1)]
        events += [epoch(number, 1, score, "complete")]
    record.append(study, *events, session("finished", len(trials)))
    return record, study


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ((1e-7, 2e-7), ["2e-07", "1e-07"]),
        ((1e12, 1e12 + 1), ["1000000000001", "1000000000000"]),
        ((0.5, 0.5 + 1e-12), ["0.500000000001", "0.500000000000"]),
        ((0.25, 0.5), ["0.5000", "0.2500"]),
    ],
)
def test_scores_are_told_apart(tmp_path, scores, shown):
    record, study = _study(tmp_path, *(({}, score) for score in scores))

    rows = [line.split() for line in describe_best(record, study, TASK).splitlines()]

    assert rows[0] == ["trial", "score", "epochs", "state"]
    assert [row[1] for row in rows[1:]] == shown


def test_hyperparameters_named_as_our_columns_keep_their_values(tmp_path):
    ours = {"trial": "a", "score": 2**70, "state": None, "epochs": True, "value": 1.5}
    others = {"trial": "b", "score": 3, "state": "x\ny", "epochs": False, "value": 1.5}
    record, study = _study(tmp_path, (ours, 0.5), (others, 0.25))

    text = describe_best(record, study, TASK)

    assert text.splitlines()[0].split() == [
        *("trial", "score", "epochs", "state"),
        *("trial", "score", "state", "epochs"),
    ]
    assert text.splitlines()[1].split() == [
        *("0", "0.5000", "1", "complete"),
        *("a", str(2**70), "None", "True"),
    ]
    assert "x\\ny" in text
    assert trials_table(record, study, TASK)["config.score"].tolist() == [2**70, 3]


def test_a_wide_table_is_parted_and_each_part_begins_with_the_trial(tmp_path):
    wide = [{f"hyperparameter_{n}": float(n + t) for n in range(5)} for t in range(2)]
    record, study = _study(tmp_path, *((values, 0.5) for values in wide))

    text = describe_best(record, study, TASK, width=50)

    parts = text.split("\n\n")
    assert all(part.split()[0] == "trial" for part in parts)
    assert max(map(len, text.splitlines())) <= 50
    assert sum(part.splitlines()[0].count("hyperparameter") for part in parts) == 5
    assert describe_best(record, study, TASK, width=None).count("\n") == 2
