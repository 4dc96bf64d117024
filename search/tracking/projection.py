"""Record → MLflow: one idempotent function of the record with a cursor.

Live, later or twice, it gives the same: a run is looked up by its tags (runs.py) before it is
created, and times come from the record, since MLflow knows a metric's value by key, step and time.
What a run holds already, by its own tags, is not sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from search.decisions import plan
from search.decisions.history import EpochEnd, History, Trial
from search.errors import first_line
from search.record.record import Record, Study
from search.record.relocation import CHANGEABLE
from search.reports.page.facts import gather
from search.reports.summary import complete_trials, study_state, trial_state
from search.tasks.task import Task
from search.tracking.attachments import attach
from search.tracking.batches import log_batch
from search.tracking.names import mlflow_name
from search.tracking.origin import SYSTEM_METRICS, data_set, note, source_tags, system_metrics
from search.tracking.runs import EPOCHS, EVENTS, Run, StudyRuns

__all__ = ["REFUSED", "Projection", "show_anew"]

REFUSED = "MLflow refuses "  # so begins what is told of a metric or parameter
_CPU_S = "epoch_cpu_s"  # our metric of a trial's run
_OURS = {_CPU_S, *SYSTEM_METRICS}  # no metric of a task's has their names

# A call holds at most 1000 things, 100 of them parameters, MLflow's limits.
_METRICS, _PARAMS = 850, 100
_TEXT = 1000  # characters of a reason; MLflow cuts long ones itself, later
# Of a study's configuration, what may change when it goes on: tags, since a parameter never may.
_LOCATION = (*CHANGEABLE, "data_dir")
_STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "paused": "FINISHED", "failed": "FAILED"}
_STUDY_STATUS = {"running": "RUNNING", "finished": "FINISHED", "stopped": "FINISHED"}


class Projection:
    """One study in MLflow: experiment = task, parent run = study, child run = trial.

    The runs of a promotion are children of the run of the study that is promoted.
    """

    def __init__(
        self,
        record: Record,
        study: Study,
        task: Task,
        on_refusal: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`on_refusal`: takes a line for each metric or parameter that MLflow refuses.

        Raises TrackingError where the experiment is deleted.
        """
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # what fails is logged in one line
        self._record, self._study, self._task = record, study, task
        self._client = MlflowClient(tracking_uri=study.config.tracking_uri)
        self._cursor = 0
        self._history = History()
        self._complete = complete_trials(self._history, study, task)
        self._on_refusal = on_refusal
        self._refused: set[str] = set()  # told already
        self.sent = 0  # how often something was written: whether it gets on
        self._seen = 0  # so many of history.event_trials
        self._states_at: tuple[Any, ...] = ()  # what every trial's state depends on
        self._data = data_set(study)
        self._found = StudyRuns(self._client, study, task.name)
        self.find_runs()

    def find_runs(self) -> None:
        """What there is in MLflow: at first, and after an error."""
        promoted = None
        if self._study.config.parent is not None:
            study = self._record.study(self._study.config.parent)
            study = study.with_tracking_uri(self._study.config.tracking_uri)
            promoted = Projection(self._record, study, self._task).run()
        self._found.find(promoted)
        self._states_at = ()  # all are looked at again

    def run_id(self, trial: int) -> str:
        """The run of a trial; delivered first if it is not there."""
        return self.run(trial).id

    def run(self, trial: int | None = None) -> Run:
        """The run of the study, or of a trial; delivered first if it is not there."""
        if trial not in self._found.runs:
            self.deliver()
        return self._found.runs[trial]

    def deliver(self) -> None:
        """Bring MLflow up to the record."""
        events = self._record.events(self._study, self._cursor)
        for sequence, at, event in events:
            self._history.apply(at, event)
            self._cursor = sequence
        if None not in self._found.runs:
            self._found.create(None, self._study.name, _ms(self._study.created_at), {})
        driven = self._record.driven(self._study.name)
        history = self._history
        states_at = (driven, len(history.spans), history.last_session)
        seen = self._seen if states_at == self._states_at else 0
        for number in sorted(set(history.event_trials[seen:])):
            trial = history.trials[number]
            self._deliver_trial(trial, trial_state(history, trial, self._study, driven))
        self._seen, self._states_at = len(history.event_trials), states_at
        if self._study.config.parent is None:
            self._deliver_study(study_state(self._history, driven))

    def attach(self, *, anew: bool = False) -> bool:
        """Give the study's run its page; whether it has one, and that was given now."""
        if self._study.config.parent is not None:
            return False
        args = self._client, self.run(), self._record, self._study, self._task
        return attach(*args, anew=anew)

    def _deliver_trial(self, trial: Trial, state: str) -> None:
        from mlflow.entities import Metric

        number = trial.number
        run = self._found.runs.get(number)
        if run is None:
            fixed = {"seed": str(trial.suggestion.seed), "source": trial.suggestion.source}
            name = f"{self._study.name}-{number}"
            run = self._found.create(number, name, _ms(trial.started_at), fixed)
        tags = {
            "state": state,
            "rung": str(_rung(trial, self._study)),
            "attempts": str(trial.attempt + 1),
            EPOCHS: str(trial.epoch),
        }
        if trial.failures:
            tags["reason"] = trial.failures[-1].reason[:_TEXT]
        if state == "paused" and run.holds({**tags, "state": "pruned"}):
            # The study goes on, and may end without it: it is left as it is until it is trained.
            tags["state"] = "pruned"
        self._give_data(run)
        if not run.holds(tags):
            if state == "complete" and self._task.figures:
                for path in self._record.files(self._study).pictures(number):
                    self._client.log_artifact(run.id, str(path))
            known = _whole(run.tags.get(EPOCHS, ""))
            metrics = [
                Metric(name, value, _ms(at), epoch.epoch)
                for epoch, at in zip(trial.epochs, trial.epoch_times, strict=True)
                if epoch.epoch > known
                for name, value in _named(epoch).items()
            ]
            if state == "failed" and not trial.epochs:
                # MLflow compares runs by the metrics that all of them have.
                objective = mlflow_name(self._task.metric, _OURS)
                metrics = [Metric(objective, float("nan"), _ms(trial.ended_at), 0)]
            self._log(run, metrics, trial.suggestion.config, tags)
        ended = None if state == "running" else _ms(trial.ended_at)
        self._set_status(run, "RUNNING" if state == "running" else _STATUS[state], ended)

    def _deliver_study(self, state: str) -> None:
        """The parent run: the best so far while the study runs, the whole summary at its end."""
        from mlflow.entities import Metric

        run = self._found.runs[None]
        best = self._complete.best()
        config = self._study.config.as_dict()
        tags = {"state": state, "best": str(best.number) if best else ""}
        tags |= {k: str(v) for k, v in config.items() if k in _LOCATION}
        if state != "running":
            tags[EVENTS] = str(self._cursor)
        tags |= source_tags(self._study)
        self._give_data(run)
        at = _ms(self._history.spans[-1].ended if self._history.spans else time.time())
        if not run.holds(tags):
            values: dict[str, Any] = {}
            if best:
                values[mlflow_name(f"best_{self._task.metric}")] = best.value(self._task.metric)
            if state != "running":
                facts = gather(self._record, self._study, self._task)
                summary = facts.summary
                values |= {f"trials_{k}": v for k, v in summary["trials"].items()}
                values |= {k: summary[k] for k in ("wall_s", "train_s", "utilisation", "epochs")}
                for name, baseline in summary["baselines"].items():
                    values[mlflow_name(f"baseline_{name}")] = baseline["value"]
                tags["mlflow.note.content"] = note(facts)
            metrics = [Metric(k, float(v), at, 0) for k, v in values.items() if v is not None]
            params = {k: v for k, v in config.items() if k not in _LOCATION}
            self._log(run, metrics, params, tags)
        status = _STUDY_STATUS.get(state, "KILLED")
        self._set_status(run, status, None if status == "RUNNING" else at)

    def _log(
        self, run: Run, metrics: list[Any], params: Mapping[str, Any], tags: dict[str, str]
    ) -> None:
        """The tags come last, in a call of their own where one does not hold all: they say what is
        delivered. A parameter is given once: MLflow refuses another value."""
        from mlflow.entities import Param, RunTag

        named = {mlflow_name(name): str(value) for name, value in params.items()}
        missing = [Param(k, v) for k, v in named.items() if k not in run.params]
        batches = max(-(-len(metrics) // _METRICS), -(-len(missing) // _PARAMS), 1)
        for i in range(batches):
            log_batch(
                self._client,
                run.id,
                metrics[i * _METRICS : (i + 1) * _METRICS],
                missing[i * _PARAMS : (i + 1) * _PARAMS],
                [RunTag(k, v) for k, v in tags.items()] if i == batches - 1 else [],
                on_refusal=self._refuse,
            )
        self.sent += 1
        run.tags |= tags
        run.params |= named.keys()

    def _give_data(self, run: Run) -> None:
        """Its data set, once."""
        if not run.has_data and self._data is not None:
            self._client.log_inputs(run.id, [self._data])
            run.has_data = True

    def _refuse(self, name: str, why: str) -> None:
        """It is told once, however many trials have it."""
        if name not in self._refused:
            self._refused.add(name)
            self._on_refusal(f"{REFUSED}{name}: {why}")

    def _set_status(self, run: Run, status: str, ended_ms: int | None) -> None:
        if run.status == status and ended_ms in (None, run.end_ms):
            return
        if ended_ms is None:
            self._client.update_run(run.id, status=status)
        else:
            self._client.set_terminated(run.id, status, ended_ms)
        self.sent += 1
        run.status, run.end_ms = status, ended_ms


def _rung(trial: Trial, study: Study) -> int:
    """The highest rung that the trial has reached, as an epoch; 0 before the first."""
    ladder = plan.ladder_of(study.config)
    return max((rung for rung in ladder if rung <= trial.epoch), default=0)


def _named(epoch: EpochEnd) -> dict[str, float]:
    """Its metrics as MLflow names them, and ours beside them."""
    theirs = {mlflow_name(name, _OURS): value for name, value in epoch.metrics.items()}
    return {**theirs, _CPU_S: epoch.cpu_s, **system_metrics(epoch)}


def _ms(at: float) -> int:
    return round(at * 1000)


def _whole(text: str) -> int:
    """A tag's whole number; of what a user has made of it, 0."""
    return int(text) if text.isdecimal() else 0


def show_anew(
    record: Record, study: Study, task: Task, of: str, say: Callable[[str], None]
) -> None:
    """The study's page in MLflow tells `of` what was found since, too; a line if it cannot."""
    try:
        Projection(record, study, task).attach(anew=True)
    except Exception as error:  # whatever a server can answer: what was asked for is done
        say(f"the study's page in MLflow does not tell {of}: {first_line(error)}")
