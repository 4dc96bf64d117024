"""What a study's run in MLflow holds to look at: its page, its table, two pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from search.files.text import write_whole
from search.record.record import Record, Study
from search.tasks.task import Task
from search.tracking.runs import EVENTS, Run

__all__ = ["attach"]

REPORT = "report_events"  # the tag of a study's run: of how many events its page tells


def attach(
    client: Any, run: Run, record: Record, study: Study, task: Task, *, anew: bool = False
) -> bool:
    """Give the run of a study its page, as of what was delivered of it; whether it was given now.

    `client`: MLflow's. `anew`: though it holds one of as many events, as where a promotion has
    come to its end.
    """
    from search.reports.page.facts import gather
    from search.reports.page.render import page
    from search.reports.pictures import write_pictures
    from search.reports.table import table_file

    events = run.tags.get(EVENTS, "")
    if not anew and run.holds({REPORT: events}):
        return False
    # Raises where it was deleted meanwhile.
    facts = gather(record, record.study(study.name), task)
    # Not in the study's folder, which may be deleted at any time.
    with tempfile.TemporaryDirectory() as folder:
        files = [write_whole(page(facts), Path(folder) / "report.html")]
        files += write_pictures(facts, Path(folder))
        files += [path for path in [table_file(record, study)] if path.exists()]
        for path in files:
            client.log_artifact(run.id, str(path))
    client.set_tag(run.id, REPORT, events)
    run.tags[REPORT] = events
    return True
