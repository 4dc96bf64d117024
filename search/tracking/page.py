"""Where MLflow's pages show a study, and opening them in the browser."""

from __future__ import annotations

import os
import sys
import time
import urllib.parse
import webbrowser
from dataclasses import dataclass

from search.errors import TrackingError, UserError
from search.record.record import Study
from search.tasks.task import Task
from search.tracking.addresses import check_server
from search.tracking.names import mlflow_name
from search.tracking.runs import StudyRuns

__all__ = ["Pages", "has_browser", "open_when_there", "pages_of"]

_PATIENCE_S = 120.0  # a server imports MLflow, and may make its tables
# Another study of that name may have been deleted here, and not in MLflow.
_TRIALS = 'tags.study = "{0.name}" and tags.study_created = "{0.created_at}" and tags.trial != ""'


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Addresses of a study's pages, after that of the server."""

    study: str  # its run: what won, is it real; and the runs of its trials
    trials: str  # these alone, the best first, to be compared


def pages_of(study: Study, task: Task, tracking_uri: str) -> Pages:
    """Raises TrackingError where the store does not hold the study."""
    from mlflow import MlflowClient

    if study.config.parent is not None:
        raise UserError(f"{study.name} is part of a promotion: see {study.config.parent}")
    runs = StudyRuns(MlflowClient(tracking_uri=tracking_uri), study, task.name)
    runs.look()
    if None not in runs.runs:
        raise TrackingError(
            f"study {study.name} is not in MLflow ({tracking_uri}): `python -m search sync "
            f"{study.name}` delivers it"
        )
    own = runs.runs[None]
    query = urllib.parse.urlencode(
        {
            "searchFilter": _TRIALS.format(study),
            "orderByKey": f"metrics.`{mlflow_name(task.metric)}`",
            "orderByAsc": str(task.sign < 0).lower(),
        },
        quote_via=urllib.parse.quote,
    )
    experiment = f"/#/experiments/{own.experiment}"
    return Pages(study=f"{experiment}/runs/{own.id}", trials=f"{experiment}/runs?{query}")


def has_browser() -> bool:
    """Whether a window can be opened; a browser in a terminal would take it from the server."""
    shown = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return shown


def open_when_there(server: str, page: str, parent: int | None = None) -> bool:
    """Open the page once the server answers; whether it was opened. `parent`: the process whose end
    ends the wait."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and parent in (None, os.getppid()):
        try:
            check_server(server)
        except TrackingError:
            time.sleep(0.3)
        else:
            return webbrowser.open(f"{server}{page}")
    return False


if __name__ == "__main__":
    # Started beside the server, by the process that becomes it.
    open_when_there(sys.argv[1], sys.argv[2], os.getppid())
