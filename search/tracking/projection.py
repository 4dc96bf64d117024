"""Record → MLflow: one idempotent function of the record with a cursor.

Live, later or twice, it gives the same: a run is looked up by its tags before it is created, and
times come from the record, since MLflow knows a metric's value by key, step and time.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from search.decisions import plan
from search.decisions.history import History, Trial
from search.record.record import Record, Study
from search.reports.summary import complete_trials, describe, study_state, summarise, trial_state
from search.tasks.task import Task

__all__ = ["Projection"]

_BATCH = 1000  # metrics a call, MLflow's limit
# Of a study's configuration, what may change when it moves: tags, since a parameter never may.
_LOCATION = ("workers", "storage", "data_dir", "tracking_uri")
_STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "paused": "FINISHED", "failed": "FAILED"}
_STUDY_STATUS = {"running": "RUNNING", "finished": "FINISHED", "stopped": "FINISHED"}


class Projection:
    """One study in MLflow: experiment = task, parent run = study, child run = trial.

    The runs of a promotion are children of the run of the study that is promoted.
    """

    def __init__(self, record: Record, study: Study, task: Task) -> None:
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # what fails is logged in one line
        self._record, self._study, self._task = record, study, task
        self._client = MlflowClient(tracking_uri=study.config.tracking_uri)
        self._cursor = 0
        self._history = History()
        self._complete = complete_trials(self._history, study, task)
        self._seen = 0  # so many of history.event_trials
        self._states_at: tuple[Any, ...] = ()  # what every trial's state depends on
        self._runs: dict[int, str] = {}  # run id by trial
        self._delivered_study: dict[str, str] = {}
        self._delivered_epochs: dict[int, int] = {}  # epochs by trial
        self._delivered_tags: dict[int, dict[str, str]] = {}  # status and tags by trial
        experiment = self._client.get_experiment_by_name(task.name)
        self._experiment: str = (
            experiment.experiment_id if experiment else self._client.create_experiment(task.name)
        )
        self.find_runs()

    def find_runs(self) -> None:
        """Which runs there are: at first, and after an error, since what was made may be there
        though no answer came."""
        study, before = self._study, self._runs
        runs = self._search_runs()
        self._parent = runs.pop(None, None)
        self._runs = {trial: run for trial, run in runs.items() if trial is not None}
        for trial in before:
            if self._runs.get(trial) != before[trial]:
                self._delivered_epochs.pop(trial, None)
                self._delivered_tags.pop(trial, None)
        self._states_at, self._delivered_study = (), {}  # all are looked at again
        if study.config.parent is not None:
            promoted = self._record.study(study.config.parent)
            promoted = promoted.with_tracking_uri(study.config.tracking_uri)
            self._parent = Projection(self._record, promoted, self._task).run_id()

    def _search_runs(self) -> dict[int | None, str]:
        """The run of each trial, and of the study (None). A server that was slow may have made one
        twice: the one that holds more stays."""
        from mlflow.entities import ViewType

        found: dict[int | None, list[tuple[int, str]]] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"tags.study = '{self._study.name}' "
                f"and tags.study_created = '{self._study.created_at}'",
                run_view_type=ViewType.ACTIVE_ONLY,  # what a user has deleted is made anew
                max_results=1000,
                page_token=token,
            )
            for run in page:
                trial = run.data.tags.get("trial")
                data = run.data
                content = len(data.metrics) + len(data.params), run.info.run_id
                found.setdefault(None if trial is None else int(trial), []).append(content)
            token = page.token
            if not token:
                break
        for runs in found.values():
            for _, superfluous in sorted(runs)[:-1]:
                self._client.delete_run(superfluous)
        return {trial: max(runs)[1] for trial, runs in found.items()}

    def run_id(self, trial: int | None = None) -> str:
        """The run of the study, or of a trial; delivered first if it is not there."""
        known = self._parent if trial is None else self._runs.get(trial)
        if known is None:
            self.deliver()
            known = self._parent if trial is None else self._runs[trial]
        assert known is not None
        return known

    def deliver(self) -> None:
        """Bring MLflow up to the record."""
        events = self._record.events(self._study, self._cursor)
        for sequence, at, event in events:
            self._history.apply(at, event)
            self._cursor = sequence
        if self._parent is None:
            self._parent = self._create(None, self._study.name, self._study.created_at, {})
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

    def _create(self, trial: int | None, name: str, at: float, tags: dict[str, str]) -> str:
        common = {"study": self._study.name, "study_created": str(self._study.created_at)}
        if trial is not None:
            common |= {"trial": str(trial), "mlflow.parentRunId": str(self._parent)}
            common |= {"phase": self._study.config.phase}
        run = self._client.create_run(
            self._experiment, start_time=_ms(at), run_name=name, tags={**common, **tags}
        )
        run_id: str = run.info.run_id
        return run_id

    def _deliver_trial(self, trial: Trial, state: str) -> None:
        from mlflow.entities import Metric, Param, RunTag

        number = trial.number
        rung = _rung(trial, self._study)
        tags = {"state": state, "rung": str(rung), "attempts": str(trial.attempt + 1)}
        if trial.failures:
            tags["reason"] = trial.failures[-1].reason
        known = self._delivered_epochs.get(number)
        if known == trial.epoch and self._delivered_tags.get(number) == tags:
            return
        params = []
        if known is None:
            if number not in self._runs:
                fixed = {"seed": str(trial.suggestion.seed), "source": trial.suggestion.source}
                self._runs[number] = self._create(
                    number, f"{self._study.name}-{number}", trial.started_at, fixed
                )
            params = [Param(k, str(v)) for k, v in trial.suggestion.config.items()]
        run_id = self._runs[number]
        metrics = [
            Metric(_key(name), value, _ms(at), epoch.epoch)
            for epoch, at in zip(trial.epochs, trial.epoch_times, strict=True)
            if epoch.epoch > (known or 0)
            for name, value in {**epoch.metrics, "epoch_cpu_s": epoch.cpu_s}.items()
        ]
        run_tags = [RunTag(k, v) for k, v in tags.items()]
        for i in range(0, max(len(metrics), 1), _BATCH):
            self._client.log_batch(
                run_id, metrics[i : i + _BATCH], params if i == 0 else [], run_tags
            )
        if state == "running":
            self._client.update_run(run_id, status="RUNNING")
        elif (self._delivered_tags.get(number, {}).get("state"), state) != ("paused", "pruned"):
            self._client.set_terminated(run_id, _STATUS[state], _ms(trial.ended_at))
        if state == "complete" and self._task.figures:
            for path in self._record.files(self._study).pictures(number):
                self._client.log_artifact(run_id, str(path))
        self._delivered_epochs[number], self._delivered_tags[number] = trial.epoch, tags

    def _deliver_study(self, state: str) -> None:
        """The parent run: the best so far while the study runs, the whole summary at its end."""
        from mlflow.entities import Metric, Param, RunTag

        assert self._parent is not None
        at = _ms(self._history.spans[-1].ended if self._history.spans else time.time())
        best = self._complete.best()
        current = {"state": state, "best": str(best.number) if best else ""}
        if self._delivered_study == current:
            return
        values: dict[str, Any] = {}
        tags = dict(current)
        if best:
            values[_key(f"best_{self._task.metric}")] = best.value(self._task.metric)
        if state != "running":
            summary = summarise(self._record, self._study, self._task)
            values |= {f"trials_{k}": v for k, v in summary["trials"].items()}
            values |= {k: summary[k] for k in ("wall_s", "train_s", "utilisation", "epochs")}
            for name, baseline in summary["baselines"].items():
                values[f"baseline_{_key(name)}"] = baseline["value"]
            tags["mlflow.note.content"] = f"```\n{describe(summary)}\n```"
        config = {k: v for k, v in self._study.config.as_dict().items() if k not in _LOCATION}
        tags |= {k: str(v) for k, v in self._study.config.as_dict().items() if k in _LOCATION}
        self._client.log_batch(
            self._parent,
            [Metric(k, float(v), at, 0) for k, v in values.items() if v is not None],
            [Param(k, str(v)) for k, v in config.items()],
            [RunTag(k, v) for k, v in tags.items()],
        )
        status = _STUDY_STATUS.get(state, "KILLED")
        if status == "RUNNING":
            self._client.update_run(self._parent, status=status)
        else:
            self._client.set_terminated(self._parent, status, at)
        self._delivered_study = current


def _rung(trial: Trial, study: Study) -> int:
    """The highest rung that the trial has reached, as an epoch; 0 before the first."""
    ladder = plan.ladder_of(study.config)
    return max((rung for rung in ladder if rung <= trial.epoch), default=0)


def _key(name: str) -> str:
    """A name as MLflow allows it for a metric."""
    return "".join(c if c.isalnum() or c in "_-./ " else " " for c in name).strip()


def _ms(at: float) -> int:
    return round(at * 1000)
