"""Which names a new study may have, beside what lies in its studies folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from search.errors import RecordError
from search.tasks.config import StudyConfig

__all__ = ["check_name", "is_folder_name"]

_OURS = "record.db"
_PHASES = (".confirm", ".final")
# What is left there of a study that was deleted, or not quite begun.
_HARMLESS = {"driver.lock", "tracking.lock", "logs", "predictions"}


def check_name(config: StudyConfig, folder: Path, others: Sequence[str]) -> None:
    """Raises RecordError where a study of this name would be taken for another, or its folder in
    the studies folder is another's. `others`: names of studies on record."""
    name = config.name
    if config.parent is None and name.endswith(_PHASES):
        raise RecordError(
            f"a study's name does not end in {' or '.join(_PHASES)}, as its promotion's parts do; "
            f"got {name!r}"
        )
    if name.casefold().startswith(_OURS):
        raise RecordError(
            f"a study's name does not begin with {_OURS}, as the record does; got {name!r}"
        )
    for other in others:
        if other != name and other.casefold() == name.casefold():
            raise RecordError(
                f"a study named {other!r} exists, and where files' names ignore case it would "
                f"share its folder with {name!r}: choose another --name"
            )
    there = folder / name
    if name in others or not there.exists():
        return
    if not there.is_dir() or {path.name for path in there.iterdir()} - _HARMLESS:
        raise RecordError(
            f"{there} is in the way, though no study of this record: choose another --name, or "
            "move it"
        )


def is_folder_name(name: str) -> bool:
    """Whether a folder of that name lies in the studies folder: the record may be somebody
    else's."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")
