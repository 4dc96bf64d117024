"""Ask whoever drives a study, or its promotion, to stop; and what such a driver has to obey.

No request is lost. A driver, or a promotion in all its phases, obeys whatever was asked since it
began: the mark is taken before the lock, by which `stop` knows that it runs. Where nothing runs
but something may be about to (a new study, one whose driver died under a supervisor, a promotion
between two phases), the request is left all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from search.errors import RecordError
from search.record.record import Record, Study

__all__ = ["SUPERVISED", "listens_to", "newest_request", "request_stop"]

# Of a supervisor's drivers: the number of the newest request when the supervisor began.
SUPERVISED = "SEARCH_STOPS_AFTER"


def request_stop(
    record: Record, study: Study, *, now: bool, say: Callable[[str], None] = lambda line: None
) -> str:
    """Of the study, or of its promotion where that is what runs; the name of what was asked.

    Raises RecordError if nothing runs, or may be about to.
    """
    family = _family(record, study)
    asked = next((s for s in family if record.driven(s.name)), None)
    if asked is None:
        asked = _about_to_run(record, study, family)
        if asked is None:
            raise RecordError(f"study {study.name} is not running")
        say(f"nothing drives {asked.name} now; what is about to go on with it is told")
    record.requests.add(asked, "stop now" if now else "stop")
    return asked.name


def newest_request(record: Record, study: Study) -> int:
    """The number of the last request that whoever begins now with the study need not obey.

    A new study's driver obeys all there are; one under a supervisor, what was asked since that
    began.
    """
    supervised = os.environ.get(SUPERVISED)
    if supervised is not None:
        return int(supervised)
    if study.config.parent is None and not record.sessions(study):
        return 0
    return record.requests.newest(_family(record, study))


def listens_to(record: Record, study: Study) -> list[Study]:
    """The study, and what it is a phase of: what is asked of either is for its driver."""
    parent = study.config.parent
    return [s for s in record.studies() if s.name in (study.name, parent)] if parent else [study]


def _family(record: Record, study: Study) -> list[Study]:
    name = study.config.parent or study.name
    return [s for s in record.studies() if name in (s.name, s.config.parent)]


def _about_to_run(record: Record, study: Study, family: list[Study]) -> Study | None:
    """What may begin, or go on, without a command of the user."""
    overviews = record.overviews(family)
    last = {s.id: overviews[s.id].session if s.id in overviews else None for s in family}
    for member in family:
        if last[member.id] in (None, "started"):
            return member
    phases = {s.config.phase for s in family if last[s.id] == "finished"}
    return study if "confirm" in phases and "final" not in phases else None
