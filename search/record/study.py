"""A study as the record keeps it: its row, and what moves with it to another record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.decisions.history import Event
from search.errors import RecordError, UserError, first_line
from search.files.addresses import without_secrets
from search.files.moved import follow_places
from search.files.storage import check_uri
from search.tasks.config import StudyConfig

__all__ = ["Study", "StudyWithEvents", "UnreadableStudy", "read_study", "study_row"]

# In a row's origin: the studies folder when it was written.
_FOLDER = "studies_folder"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as it was created."""

    id: int
    name: str
    created_at: float
    config: StudyConfig
    origin: Mapping[str, Any]  # hashes of code, data, space; versions; training-free baselines

    @property
    def parent(self) -> str | None:
        """The study of whose promotion this one is a part."""
        return self.config.parent

    @property
    def storage(self) -> str | None:
        return self.config.storage

    @property
    def ledger_name(self) -> str:
        """The study on the ledger: another one of its name, made later, is not the same."""
        return f"{self.name} {self.created_at:.3f}"

    def with_tracking_uri(self, uri: str) -> Study:
        """The same study, shown by another MLflow than it began with."""
        config = dataclasses.replace(self.config, tracking_uri=uri)
        return dataclasses.replace(self, config=config)


@dataclass(frozen=True, kw_only=True)
class UnreadableStudy:
    """A study whose row this version cannot read: it can be named, and deleted."""

    id: int
    name: str
    created_at: float
    parent: str | None  # as far as it can be read, as all that follows
    storage: str | None
    why: str  # one line

    def __str__(self) -> str:
        return f"study {self.name!r} cannot be read: {self.why}"


@dataclass(frozen=True, kw_only=True)
class StudyWithEvents:
    """A study with all its events: what moves from one record to another."""

    study: Study
    events: Sequence[tuple[int, float, Event]]  # in order: sequence number, time, event


def study_row(
    name: str, created_at: float, config: StudyConfig, origin: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """As a row of the table of studies. `folder`: the studies folder."""
    return {
        "name": name,
        "created_at": created_at,
        "config": config.as_dict(),
        "origin": {**origin, _FOLDER: str(folder)},
    }


def read_study(
    row: Mapping[str, Any], check: Callable[[StudyConfig], None], folder: Path
) -> Study | UnreadableStudy:
    """Of `row`, whose `config` and `origin` are text. `check` raises a UserError for what must not
    be read here. `folder`: the studies folder; where it has moved, so have its places."""
    config: Any = None
    try:
        config, origin = json.loads(row["config"]), json.loads(row["origin"])
        created_at = float(row["created_at"])
        if not isinstance(config, dict) or not isinstance(origin, dict):
            raise RecordError("its configuration or its origin is no JSON object")
        config = follow_places(config, origin.pop(_FOLDER, None), folder)
        unknown = config.keys() - {each.name for each in dataclasses.fields(StudyConfig)}
        if unknown:
            raise RecordError(
                "another version of this project made it, whose configuration has "
                f"{', '.join(sorted(unknown))}"
            )
        if isinstance(config.get("tracking_uri"), str):
            # An earlier version has let in ?password=.
            config["tracking_uri"] = without_secrets(config["tracking_uri"])
        study = Study(
            id=row["id"],
            name=row["name"],
            created_at=created_at,
            config=StudyConfig(**config),
            origin=origin,
        )
        # The record may be somebody else's.
        if study.name != study.config.name:
            raise RecordError(f"its configuration is that of {study.config.name!r}")
        check(study.config)
        return study
    except (TypeError, ValueError) as error:
        return _unreadable(row, config, first_line(error))


def _unreadable(row: Mapping[str, Any], config: Any, why: str) -> UnreadableStudy:
    known = config if isinstance(config, dict) else {}
    parent, storage = known.get("parent"), known.get("storage")
    try:
        storage = check_uri(storage) if isinstance(storage, str) else None
    except UserError:
        storage = None
    return UnreadableStudy(
        id=row["id"],
        name=str(row["name"]),
        created_at=row["created_at"] if isinstance(row["created_at"], float) else 0.0,
        parent=parent if isinstance(parent, str) else None,
        storage=storage,
        why=why,
    )
