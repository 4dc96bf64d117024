"""The only place of the service that opens a test split: with the reading on the ledger first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.record.record import Record
from search.tasks.task import TestableData
from trainables.data import HeldOut
from trainables.test_split_lock import unlocked_test_split

__all__ = ["Readings", "check", "count", "read"]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """For how many models a test split was read."""

    study: int  # by this study
    all: int  # by all studies of the record

    def __str__(self) -> str:
        return f"test split read for {self.study} models by this study, {self.all} in all"


def check(data: TestableData, dataset: str, data_dir: Path | None) -> None:
    """Raises DataError if the data module says that the test split is missing, before hours of
    training for it. It stays locked and is not read."""
    check_test = getattr(data, "check_test", None)
    if check_test is not None:
        check_test(dataset, data_dir)


def read(
    record: Record,
    data: TestableData,
    dataset: str,
    data_dir: Path | None,
    *,
    model_hashes: Sequence[str],
    study: str,
    purpose: str,
) -> HeldOut:
    """The test split, to score these models on. Raises SplitLockedError, DataError."""
    for model_hash in model_hashes:
        record.ledger.note(model_hash, data.test_hash(dataset), study=study, purpose=purpose)
    with unlocked_test_split():
        return data.load_test(dataset, data_dir)


def count(record: Record, data: TestableData, dataset: str, study: str) -> Readings:
    split_hash = data.test_hash(dataset)
    return Readings(
        study=record.ledger.count(split_hash, study), all=record.ledger.count(split_hash)
    )
