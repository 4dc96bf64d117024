"""Several models as one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests import coin_task
from trainables.ensemble import load, mean_of, pack
from trainables.errors import AlteredError


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Of two models of the tests' own task, the first twice."""
    members = []
    for number in range(2):
        member = tmp_path / f"trial-{number}"
        member.mkdir()
        state = {"accuracy": 0.7, "seed": number}
        coin_task.export(coin_task.Config(), np.arange(3), state, member)
        members.append(member)
    folder = tmp_path / "packed"
    folder.mkdir()
    pack(members, [2, 1], "tests.coin_task", folder)
    return folder


def test_it_predicts_the_weighted_mean(packed):
    inputs = {"question": list(range(50))}
    first, second = (coin_task.load(packed / f"member-{k}").predict(inputs) for k in range(2))

    assert load(packed).predict(inputs) == pytest.approx((2 * first + second) / 3)


def test_a_member_that_was_changed_for_another_is_refused(packed):
    other = packed / "member-1"
    for path in (packed / "member-0").iterdir():
        (other / path.name).write_bytes(path.read_bytes())

    with pytest.raises(AlteredError, match="not the member that was sealed"):
        load(packed)


def test_an_altered_member_is_refused(packed):
    description = packed / "member-0" / "model.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "state": 0}))

    with pytest.raises(AlteredError, match=r"model\.json"):
        load(packed)


def test_probabilities_stay_probabilities():
    even, sure = np.full((4, 3), 1 / 3, np.float32), np.eye(4, 3, dtype=np.float32)
    sure[3, 0] = 1

    mean = mean_of([even, sure], [1, 2])

    assert mean.dtype == np.float32
    assert mean.sum(axis=1) == pytest.approx(np.ones(4))
