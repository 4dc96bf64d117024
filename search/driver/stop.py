"""Ask the driver of a study, wherever it runs, to stop."""

from __future__ import annotations

from search.errors import RecordError
from search.record.record import Record, Study

__all__ = ["request_stop"]


def request_stop(record: Record, study: Study, *, now: bool) -> str:
    """Of the study, or of its promotion where that is what runs; the name of what was asked.

    Raises RecordError if nothing runs.
    """
    its_own = [s for s in record.studies() if study.name in (s.name, s.config.parent)]
    running = next((s for s in its_own if record.driven(s.name)), None)
    if running is None:
        raise RecordError(f"study {study.name} is not running")
    record.requests.add(running, "stop now" if now else "stop")
    return running.name
