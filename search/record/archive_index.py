"""What an archive says of itself: its study.jsonl, written and read. Pure.

Each line is a JSON object: the study and those of its promotion, all their events in order, what is
on the ledger of test readings, each file with its size and SHA-256; the last line is the SHA-256 of
all before it. Floats are written as Python's repr, which reads back as the same bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any, get_args

from search.decisions.history import Event, History
from search.errors import ArchiveError, UserError
from search.record.study import Study, StudyWithEvents
from search.record.version import VERSION
from search.tasks.config import StudyConfig
from trainables.checks import check_types

__all__ = ["Contents", "moves", "read_index", "write_index"]

FORMAT = 1
FOLDERS = ("checkpoints", "predictions", "figures", "logs")  # of a study; else nothing is taken
_EVENTS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}
_LEDGER = ("model_hash", "split_hash", "study", "purpose")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an archive holds, or held: the study first, then those of its promotion."""

    studies: Sequence[StudyWithEvents]
    readings: Sequence[Mapping[str, Any]]  # rows of the ledger of test readings
    files: Mapping[str, tuple[int, str]]  # NAME/FOLDER/...: bytes, SHA-256

    def __str__(self) -> str:
        trials = len(History((at, event) for _, at, event in self.studies[0].events).trials)
        size = sum(size for size, _ in self.files.values()) / 2**20
        return f"{trials} trials, {len(self.files)} files of {size:.1f} MiB"


def write_index(contents: Contents) -> bytes:
    """The lines of study.jsonl."""
    lines = [json.dumps(o, separators=(",", ":")).encode() + b"\n" for o in _objects(contents)]
    end = {"end": hashlib.sha256(b"".join(lines)).hexdigest()}
    return b"".join([*lines, json.dumps(end).encode() + b"\n"])


def _objects(contents: Contents) -> Iterator[dict[str, Any]]:
    yield {"format": FORMAT, "version": VERSION}
    for member in contents.studies:
        study = member.study
        yield {
            "study": study.name,
            "created_at": study.created_at,
            "config": study.config.as_dict(),
            "origin": dict(study.origin),
        }
        for sequence, at, event in member.events:
            values = {f.name: _plain(getattr(event, f.name)) for f in fields(event)}
            yield {"event": type(event).__name__, "sequence": sequence, "at": at, "values": values}
    for row in contents.readings:
        yield {"reading": dict(row)}
    for name, (size, digest) in contents.files.items():
        yield {"file": name, "bytes": size, "sha256": digest}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def read_index(content: bytes, overrides: Mapping[str, Any]) -> Contents:
    """What study.jsonl says, whoever wrote it, with the fields `overrides` in its studies' place.

    Raises ArchiveError where it is a newer version's, and whatever somebody else's bytes make of
    our types.
    """
    *before, last = content.splitlines(keepends=True)
    _check_versions(json.loads(before[0]))
    if json.loads(last) != {"end": hashlib.sha256(b"".join(before)).hexdigest()}:
        raise UserError("study.jsonl is not what was written")
    lines = [json.loads(line) for line in before]
    studies: list[tuple[Study, list[tuple[int, float, Event]]]] = []
    readings, files = [], {}
    for line in lines[1:]:
        if "study" in line:
            config = StudyConfig(**{**line["config"], **overrides})
            name, created_at = line["study"], float(line["created_at"])
            study = Study(
                id=0, name=name, created_at=created_at, config=config, origin=line["origin"]
            )
            studies.append((study, []))
        elif "event" in line:
            studies[-1][1].append((line["sequence"], float(line["at"]), _event(line)))
        elif "reading" in line:
            row = line["reading"]
            readings.append({"at": float(row["at"]), **{key: str(row[key]) for key in _LEDGER}})
        else:
            files[line["file"]] = (int(line["bytes"]), str(line["sha256"]))
    family = [StudyWithEvents(study=study, events=tuple(events)) for study, events in studies]
    _check(family, files)
    return Contents(studies=family, readings=readings, files=files)


def _check_versions(header: Mapping[str, Any]) -> None:
    """Raises ArchiveError if a newer version of this project wrote the archive."""
    for name, known in (("format", FORMAT), ("version", VERSION)):
        # The first archives told no version of the record.
        value = header.get(name, 1)
        if not isinstance(value, int) or value < 1:
            raise UserError(f"its {name} is {value!r}")
        if value > known:
            raise ArchiveError(
                f"its {name} is {value}, and this version of search reads {known}: import it with "
                "the newer one"
            )


def _event(line: dict[str, Any]) -> Event:
    kind = _EVENTS[line["event"]]
    event: Event = kind(**line["values"])
    check_types(event)
    for field in fields(kind):
        value = getattr(event, field.name)
        if str(field.type).startswith("Mapping") and not isinstance(value, dict):
            raise UserError(f"{field.name} of a {kind.__name__} is no object")
        if isinstance(value, int) and abs(value) >= 2 ** (63 if field.name == "seed" else 31):
            raise UserError(f"{field.name} of a {kind.__name__} is too large: {value}")
    return event


def _check(family: list[StudyWithEvents], files: Mapping[str, Any]) -> None:
    """The index is one of a study, whoever wrote it."""
    first = family[0].study
    for member in family:
        study, sequences = member.study, [sequence for sequence, _, _ in member.events]
        parent = None if study is first else first.name
        if study.name != study.config.name or study.config.parent != parent:
            raise UserError(f"{study.name!r} is not {first.name} or a study of its promotion")
        if sequences != list(range(1, len(sequences) + 1)):
            raise UserError(f"the events of {study.name} are not in order")
        History((at, event) for _, at, event in member.events)
    for name in files:
        if not any(moves(name, member.study.name) for member in family):
            raise UserError(f"{name!r} is no file of a study")


def moves(name: str, study: str) -> bool:
    """Whether NAME/FOLDER/... is a file that moves with the study."""
    parts = name.split("/")
    plain = PurePosixPath(name).parts == tuple(parts) and ".." not in parts and "\0" not in name
    ours = plain and len(parts) > 2 and parts[0] == study and parts[1] in FOLDERS
    return ours and not name.endswith((".partial", ".preempted"))
