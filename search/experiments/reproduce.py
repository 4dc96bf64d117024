"""The course report's tables, trained as studies and read once on test, beside its figures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import UserError
from search.experiments.points import train_points
from search.files.text import write_whole
from search.models import test_split
from search.models.exporting import export_trial
from search.record.record import Record, Study
from search.statistics.intervals import Estimate, seed_interval
from search.tasks.registry import find_task
from search.tasks.task import Task, TestableData
from spaces.report import TABLES, Row, Table

__all__ = ["Measured", "Reproduction", "reproduce"]

KEEP_ALL = 10_000  # checkpoints: each run is read on test
_SCORES = "test-scores.json"  # in the study's folder: test is read once


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row of a table: the report's figures, and ours over seeds."""

    row: Row
    runs: int
    test: Mapping[str, Estimate]  # metric → mean over seeds with Student's 95% interval
    validation: Estimate | None  # the objective


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    table: Table
    study: str
    seeds: int
    epochs: int
    dataset: str
    rows: Sequence[Measured]

    @property
    def reduced(self) -> str:
        """In what it is less than the report's; nothing if it is not."""
        less = []
        if self.epochs < self.table.max_epochs:
            less.append(f"{self.epochs} epochs in place of {self.table.max_epochs}")
        if self.dataset != find_task(self.table.task).data.DATASETS[0]:
            less.append(f"data set {self.dataset}")
        return ", ".join(less)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "table": self.table.title,
            "study": self.study,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "reduced": self.reduced,
            "rows": [
                {
                    "label": each.row.label,
                    "point": each.row.point,
                    "reported": dict(each.row.reported),
                    "runs": each.runs,
                    "test": {name: known.as_dict() for name, known in each.test.items()},
                    "validation": each.validation and each.validation.as_dict(),
                }
                for each in self.rows
            ],
        }


def reproduce(
    record: Record,
    name: str,
    *,
    seeds: int = 3,
    epochs: int | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    tracking_uri: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    quiet: bool = False,
    say: Callable[[str], None],
) -> Reproduction:
    """Train the rows of table `name` on `seeds` seeds as the study report-NAME, or go on with it;
    read them on test, once. `epochs`: fewer than the table's. Raises UserError, EndedEarly."""
    if name not in TABLES:
        raise UserError(f"there is no table {name!r}; there are: {', '.join(TABLES)}")
    table = TABLES[name]
    task = find_task(table.task)
    study = train_points(
        record,
        f"report-{name}",
        table.task,
        task,
        {row.point: task.configure(task.points[row.point]) for row in table.rows},
        seeds,
        address=address,
        quiet=quiet,
        say=say,
        max_epochs=epochs or table.max_epochs,
        dataset=dataset,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        keep_checkpoints=KEEP_ALL,
    )
    scores = _test_scores(record, study, task)
    trials = [t for t in record.history(study).trials if str(t.number) in scores]

    def measured(row: Row) -> Measured:
        runs = [trial for trial in trials if trial.suggestion.source == row.point]
        tested = [scores[str(trial.number)] for trial in runs]
        return Measured(
            row=row,
            runs=len(runs),
            test={m: seed_interval([t[m] for t in tested]) for m in table.metrics if tested},
            validation=seed_interval([t.value(task.metric) for t in runs]) if runs else None,
        )

    return Reproduction(
        table=table,
        study=study.name,
        seeds=seeds,
        epochs=study.config.max_epochs,
        dataset=study.config.dataset,
        rows=[measured(row) for row in table.rows],
    )


def _test_scores(record: Record, study: Study, task: Task) -> dict[str, dict[str, float]]:
    """Of each complete run, by its number: metric → score on test. Kept, and never read again."""
    kept = record.study_folder(study.name) / _SCORES
    if kept.exists():
        known: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    config, history = study.config, record.history(study)
    runs = [t for t in history.trials if t.complete(config.max_epochs)]
    data_dir = Path(config.data_dir) if config.data_dir else None
    prepared = task.data.prepare(config.dataset, data_dir)
    with tempfile.TemporaryDirectory() as folder:
        trained_on = task.data.load(prepared.folder)
        models = {run.number: Path(folder) / str(run.number) for run in runs}
        hashes = [
            export_trial(
                record, study, task, trained_on, run, models[run.number], "reproduce again"
            )
            for run in runs
        ]
        data = task.testable_data()
        test = test_split.read(
            record,
            data,
            config.dataset,
            data_dir,
            model_hashes=hashes,
            study=study.ledger_name,
            purpose="reproduce",
        )
        module, scores = task.model_module(), {}
        for run in runs:
            predicted = module.load(models[run.number]).predict(test.inputs)
            scores[str(run.number)] = _metrics(task, data, test.labels, predicted)
    write_whole(json.dumps(scores), kept)
    return scores


def _metrics(
    task: Task, data: TestableData, labels: np.ndarray, predicted: np.ndarray
) -> dict[str, float]:
    more = getattr(data, "test_metrics", None)
    scores = {task.metric: task.objective(labels, predicted)}
    return scores if more is None else {**scores, **more(labels, predicted)}
