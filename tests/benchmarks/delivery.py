"""What it costs to deliver a study to MLflow, and what it costs when the study goes on.

    python -m tests.benchmarks.delivery --trials 2000 --new 20 [--server]

A study of so many trials (two of three pruned at epoch 1, the others complete) is put on record and
delivered; it is extended by `--new` trials, and delivered by another process's state. Printed are
the calls of MLflow's client by name, and seconds. `--server`: over HTTP, to a real server.
"""

from __future__ import annotations

import argparse
import collections
import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow

from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from search.tracking.projection import Projection
from tests.curve_task import TASK
from tests.mlflow_server import MlflowServer
from tests.search.studies import epoch, scored, segment, session, suggestion

CALLS: collections.Counter[str] = collections.Counter()
EPOCHS = 9


class CountingClient(mlflow.MlflowClient):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if callable(found) and not name.startswith("_"):
            CALLS[name] += 1
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--new", type=int, default=20)
    parser.add_argument("--server", action="store_true")
    options = parser.parse_args()
    mlflow.MlflowClient = CountingClient
    with tempfile.TemporaryDirectory() as folder:
        server = MlflowServer(Path(folder)) if options.server else None
        if server is not None:
            server.start()
        uri = server.uri if server is not None else f"sqlite:///{folder}/mlflow.db"
        try:
            _measure(Path(folder), uri, options.trials, options.new)
        finally:
            if server is not None:
                server.stop()


def _measure(folder: Path, uri: str, trials: int, new: int) -> None:
    record = open_record(folder / "studies", create=True)
    config = StudyConfig(
        name="s", task="tests.curve_task:TASK", dataset="ones", max_epochs=EPOCHS, trials=trials,
        baseline=False, tracking_uri=uri,
    )  # fmt: skip
    study = record.create(config, {"baselines": {}})
    scores = [{EPOCHS: 0.5} if number % 3 == 0 else {1: 0.5} for number in range(trials)]
    record.append(study, *scored(*scores), session("finished", trials))
    _deliver(record, study, f"the first time, {trials} trials")
    _deliver(record, study, "again")
    events = [session("started", trials + new)]
    for number in range(trials, trials + new):
        events += [suggestion(number), segment(number, 1, EPOCHS)]
        events += [epoch(number, at, 0.5) for at in range(1, EPOCHS)]
        events += [epoch(number, EPOCHS, 0.5, "complete")]
    record.append(study, *events)
    _deliver(record, study, f"resumed, {new} new trials")
    record.append(study, session("finished", trials + new))
    _deliver(record, study, "ended")


def _deliver(record: Record, study: Study, what: str) -> None:
    CALLS.clear()
    begun = time.monotonic()
    Projection(record, study, TASK).deliver()
    calls = ", ".join(f"{name} {count}" for name, count in sorted(CALLS.items()))
    print(f"{what}: {CALLS.total()} calls ({calls}), {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
