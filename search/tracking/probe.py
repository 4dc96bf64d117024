"""Try what a delivery would meet, without delivering anything."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping

from search.errors import TrackingError
from search.files.sqlite_uri import sqlite_path
from search.tracking.addresses import check_server
from search.tracking.refusals import explained
from search.tracking.runs import deleted_experiment

__all__ = ["impatient_client", "probe"]

_CLIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


def probe(uri: str, experiments: Iterable[str]) -> None:
    """Ask the store at `uri` for `experiments`, and write a tag where one is there.

    Raises TrackingError: what kept from it, and the way out.
    """
    check_server(uri)
    file = sqlite_path(uri)
    if file is not None and not file.exists():
        return  # the first delivery makes it
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    try:
        with impatient_client():
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
            for name in experiments:
                found = client.get_experiment_by_name(name)
                if found is not None and found.lifecycle_stage == "deleted":
                    raise deleted_experiment(uri, name, found.experiment_id)
                if found is not None:
                    client.set_experiment_tag(found.experiment_id, "search.doctor", "writable")
    except Exception as error:  # whatever a server can answer
        told = explained(uri, error)
        raise told if isinstance(told, TrackingError) else TrackingError(told) from None


@contextlib.contextmanager
def impatient_client() -> Iterator[None]:
    """MLflow's own client tries again for minutes, and makes twice what was made already: we try
    again, and look first."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in _CLIENT}
    for name, value in _CLIENT.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, set_before in before.items():
            if set_before is None:
                os.environ.pop(name, None)
