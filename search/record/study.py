"""A study as the record keeps it: its row, and what moves with it to another record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.decisions.history import Event
from search.errors import RecordError
from search.tasks.config import StudyConfig

__all__ = ["Study", "StudyWithEvents", "read_study"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as it was created."""

    id: int
    name: str
    created_at: float
    config: StudyConfig
    origin: Mapping[str, Any]  # hashes of code, data, space; versions; training-free baselines

    @property
    def ledger_name(self) -> str:
        """The study on the ledger: another one of its name, made later, is not the same."""
        return f"{self.name} {self.created_at:.3f}"

    def with_tracking_uri(self, uri: str) -> Study:
        """The same study, shown by another MLflow than it began with."""
        config = dataclasses.replace(self.config, tracking_uri=uri)
        return dataclasses.replace(self, config=config)


@dataclass(frozen=True, kw_only=True)
class StudyWithEvents:
    """A study with all its events: what moves from one record to another."""

    study: Study
    events: Sequence[tuple[int, float, Event]]  # in order: sequence number, time, event


def read_study(row: Any) -> Study:
    try:
        return Study(**{**row, "config": StudyConfig(**row["config"])})
    except (TypeError, ValueError) as error:
        raise RecordError(
            f"study {row['name']} was made by another version of this project ({error})"
        ) from None
