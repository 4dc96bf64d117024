"""The course report's tables, trained as studies and read once on test, beside its figures."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.errors import UserError
from search.experiments.points import train_points
from search.files.text import write_whole
from search.models import test_split
from search.models.exporting import export_trial
from search.record.record import Record, Study
from search.statistics.intervals import Estimate, seed_interval
from search.tasks.points import Points
from search.tasks.registry import find_task
from search.tasks.task import Task, TestableData
from spaces.report import TABLES, Column, Row, Table

__all__ = [
    "Measured",
    "Reproduction",
    "convergent_epoch",
    "core_hours",
    "find_table",
    "reduced",
    "reproduce",
    "study_name",
]

KEEP_ALL = 10_000  # checkpoints: each run is read on test
CONVERGED = 0.005  # of a share: half a point
EXAMPLES = 50_000  # that CIFAR-10 has for training
_SCORES = "test-scores.json"  # in the study's folder: test is read once


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row of a table, ours: of each column a figure a run."""

    row: Row
    figures: Mapping[str, Sequence[float]]

    @property
    def runs(self) -> int:
        """Those that did not fail."""
        return max(map(len, self.figures.values()))

    def estimate(self, column: Column) -> Estimate | None:
        """The mean over seeds, with Student's 95% interval; None where every run has failed."""
        figures = self.figures[column.name]
        return seed_interval(figures) if figures else None

    def sd(self, column: Column) -> float | None:
        """The standard deviation over seeds; None of one."""
        figures = self.figures[column.name]
        return statistics.stdev(figures) if len(figures) > 1 else None


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    table: Table
    study: str
    seeds: int
    epochs: int
    dataset: str
    train_examples: int | None  # fewer than all
    rows: Sequence[Measured]

    @property
    def reduced(self) -> str:
        """In what it is less than the report's; nothing if it is not."""
        return reduced(self.table, self.epochs, self.train_examples, self.dataset)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "table": self.table.title,
            "study": self.study,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "reduced": self.reduced,
            "note": self.table.note,
            "rows": [self._row(each) for each in self.rows],
        }

    def _row(self, each: Measured) -> dict[str, Any]:
        columns = (*self.table.columns, *self.table.by_class)
        known = {column.name: (each.estimate(column), each.sd(column)) for column in columns}
        return {
            "label": each.row.label,
            "point": each.row.point,
            "reported": dict(each.row.reported),
            "runs": each.runs,
            "ours": {n: ours and {**ours.as_dict(), "sd": sd} for n, (ours, sd) in known.items()},
        }


def reduced(table: Table, epochs: int, train_examples: int | None, dataset: str) -> str:
    """In what a study of `table` is less than the report's; nothing if it is not."""
    less = []
    if epochs < table.max_epochs:
        less.append(f"{epochs} epochs in place of {table.max_epochs}")
    if train_examples:
        less.append(f"the first {train_examples} training examples only")
    if dataset != table.dataset:
        less.append(f"data set {dataset}")
    return ", ".join(less)


def find_table(name: str) -> Table:
    """Raises UserError."""
    if name not in TABLES:
        raise UserError(f"there is no table {name!r}; there are: {', '.join(TABLES)}")
    return TABLES[name]


def core_hours(
    table: Table, *, seeds: int, epochs: int | None = None, train_examples: int | None = None
) -> float:
    """About so long one core trains; 0 where that is soon over."""
    share = min((train_examples or EXAMPLES) / EXAMPLES, 1)
    runs = len(table.rows) * seeds
    return (
        table.epoch_core_minutes
        / 60
        * share
        * runs
        * (table.max_epochs if epochs is None else epochs)
    )


def reproduce(
    record: Record,
    name: str,
    *,
    seeds: int = 3,
    epochs: int | None = None,
    train_examples: int | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    tracking_uri: str | None = None,
    workers: int | None = None,
    gpus_per_trial: float = 0.0,
    address: str | None = None,
    quiet: bool = False,
    say: Callable[[str], None],
) -> Reproduction:
    """Train the rows of table `name` on `seeds` seeds as the study report-NAME, or go on with it;
    read them on test, once. `epochs`, `train_examples`: fewer than the table's. Raises UserError,
    EndedEarly."""
    table = find_table(name)
    task = find_task(table.task)
    study = train_points(
        record,
        study_name(name),
        table.task,
        task,
        _points(table, task, train_examples),
        seeds,
        address=address,
        quiet=quiet,
        say=say,
        max_epochs=table.max_epochs if epochs is None else epochs,
        min_epochs=1,
        dataset=dataset or table.dataset,
        data_dir=data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        keep_checkpoints=KEEP_ALL,
    )
    scores = _test_scores(record, study, task)
    trials = [t for t in record.history(study).trials if str(t.number) in scores]
    columns = (*table.columns, *table.by_class)

    def measured(row: Row) -> Measured:
        runs = [trial for trial in trials if trial.suggestion.source == row.point]
        return Measured(
            row=row,
            figures={
                column.name: [_figure(column, run, scores[str(run.number)]) for run in runs]
                for column in columns
            },
        )

    return Reproduction(
        table=table,
        study=study.name,
        seeds=seeds,
        epochs=study.config.max_epochs,
        dataset=study.config.dataset,
        train_examples=train_examples,
        rows=[measured(row) for row in table.rows],
    )


def study_name(table: str) -> str:
    """Of the study that a table is."""
    return f"report-{table}"


def _points(table: Table, task: Task, train_examples: int | None) -> Points:
    if train_examples is not None and not table.fewer_examples:
        raise UserError("this table trains on all examples: leave out --train-examples")
    if train_examples is not None and train_examples < 1:
        raise UserError(f"--train-examples must be at least 1, got {train_examples}")
    fewer = {} if train_examples is None else {table.fewer_examples: train_examples}
    return {row.point: task.configure({**task.points[row.point], **fewer}) for row in table.rows}


def _figure(column: Column, run: Trial, tested: Mapping[str, float]) -> float:
    if column.of == "test":
        figure = tested[column.metric]
    elif column.of == "last epoch":
        figure = run.value(column.metric)
    else:
        return convergent_epoch([epoch.metrics[column.metric] for epoch in run.epochs])
    return 100 * figure if column.per_cent else figure


def convergent_epoch(shares: Sequence[float]) -> int:
    """Of a share at each epoch: the first that is within half a point of the highest."""
    return next(n for n, share in enumerate(shares, 1) if share >= max(shares) - CONVERGED)


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
