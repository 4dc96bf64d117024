"""Servers that lose calls, or their answers, or never get anywhere."""

from __future__ import annotations

import random
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from search.errors import TrackingError
from search.tracking import delivery
from search.tracking.delivery import sync
from tests.curve_task import TASK
from tests.search.studies import scored, session
from tests.search.tracking.conftest import Live


def _client(lose: Any) -> type[MlflowClient]:
    """One whose calls go through `lose(name, call)`."""

    class Client(MlflowClient):
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if not callable(found) or name.startswith("_"):
                return found
            return lambda *given, **options: lose(name, lambda: found(*given, **options))

    return Client


@pytest.mark.parametrize("seed", [1, 2])
def test_what_loses_calls_and_answers_has_all_of_it_once(live: Live, monkeypatch, seed) -> None:
    chance, lost = random.Random(seed), []

    def lose(name: str, call: Any) -> Any:
        fate = chance.random()
        if fate < 0.1:
            lost.append(name)
            raise MlflowException("too many 503 error responses")
        answer = call()
        if fate < 0.2:  # it was done, and nobody knows
            lost.append(name)
            raise ConnectionError("Connection aborted")
        return answer

    live.record.append(live.study, *scored(*[{1: 0.5}, {3: 0.25}] * 4), session("finished", 8))
    monkeypatch.setattr("mlflow.MlflowClient", _client(lose))
    monkeypatch.setattr(delivery, "SOON_S", 0.0)

    sync(live.record, live.study, TASK)

    assert len(lost) > 3
    assert len(live.runs()) == 9
    assert [live.points(trial) for trial in range(8)] == [
        [(1, 0.5)],
        [(1, 0.25), (2, 0.25), (3, 0.25)],
    ] * 4


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MlflowException("failed with error code 401 != 200"), r"refuses this user \(401\)"),
        (MlflowException("too many 429 error responses"), "too many 429 error responses"),
        (ConnectionError("http://me:s3cret@host is away"), "http://host is away"),
    ],
    ids=["a login", "too fast", "a secret"],
)
def test_what_never_gets_through_is_told_in_a_line(live: Live, monkeypatch, error, told) -> None:
    def lose(name: str, call: Any) -> Any:
        raise error

    monkeypatch.setattr("mlflow.MlflowClient", _client(lose))
    monkeypatch.setattr(delivery, "SYNC_PATIENCE_S", 0.1)
    monkeypatch.setattr(delivery, "SOON_S", 0.1)

    with pytest.raises(TrackingError, match=f"not delivered: .*{told}") as refused:
        sync(live.record, live.study, TASK)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)
