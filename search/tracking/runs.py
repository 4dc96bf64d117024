"""Where a study is in an MLflow store: its experiment, its run, and the run of each trial.

A run's own tags say what has been delivered of it. So who delivers next, in whatever process, goes
on from there; in another store, or an emptied one, nothing is found, and all is delivered.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from search.errors import TrackingError
from search.files.sqlite_uri import sqlite_path
from search.record.record import Study
from search.tracking.origin import source_tags

__all__ = ["EPOCHS", "EVENTS", "Run", "StudyRuns", "deleted_experiment"]

EPOCHS = "epochs"  # the tag of a trial's run: how many are in it
EVENTS = "events"  # the tag of a study's run: of how many its summary tells
_PAGE = 1000  # runs or experiments a call
_PARENT = "mlflow.parentRunId"
# MLflow's pages would ask whether it is one of language models.
_EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(kw_only=True)
class Run:
    """A run, and what is known to be in it."""

    id: str
    experiment: str
    status: str = "RUNNING"
    end_ms: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    params: frozenset[str] = frozenset()  # their names: a value never changes
    content: int = 0  # how many metrics and parameters
    has_data: bool = False  # whether the data set is among its inputs

    def holds(self, tags: Mapping[str, str]) -> bool:
        return all(self.tags.get(name) == value for name, value in tags.items())


class StudyRuns:
    """The runs of one study, by trial; None: the study's own."""

    def __init__(self, client: Any, study: Study, experiment_name: str) -> None:
        self._client, self._study, self._name = client, study, experiment_name
        self.experiment = ""
        self.runs: dict[int | None, Run] = {}

    def find(self, promoted: Run | None = None) -> None:
        """Look what there is: at first, and after an error, since what was made may be there though
        no answer came, and what was there may be deleted. `promoted`: the run of the study that is
        promoted, where this one is a part of its promotion.

        Raises TrackingError where the experiment is deleted.
        """
        if promoted is not None:
            self.experiment = promoted.experiment
            self.runs = self._search([self.experiment])
            self.runs[None] = promoted
        else:
            self._find_study()
        self._adopt_orphans()

    def look(self) -> None:
        """What there is; nothing is made."""
        found = self._found(list(self._experiments()))
        self.runs = {number: _fullest(runs) for number, runs in found.items()}

    def _find_study(self) -> None:
        named = self._client.get_experiment_by_name(self._name)
        deleted = named is not None and named.lifecycle_stage == "deleted"
        here = [named.experiment_id] if named and not deleted else []
        self.runs = self._search(here)
        if None not in self.runs:
            # A study stays where it is when its experiment is given another name.
            elsewhere = self._search([id for id in self._experiments() if id not in here])
            self.runs = elsewhere if None in elsewhere else self.runs
        if None in self.runs:
            self.experiment = self.runs[None].experiment
        elif deleted:
            uri = self._study.config.tracking_uri
            raise deleted_experiment(uri, self._name, named.experiment_id)
        else:
            self.experiment = (
                here[0]
                if here
                else self._client.create_experiment(
                    self._name,
                    _artifact_location(self._study.config.tracking_uri, self._name),
                    tags=_EXPERIMENT,
                )
            )

    def _experiments(self) -> list[str]:
        found = _pages(
            lambda token: self._client.search_experiments(max_results=_PAGE, page_token=token)
        )
        return [experiment.experiment_id for experiment in found]

    def _search(self, experiments: list[str]) -> dict[int | None, Run]:
        """The run of each trial, and of the study. A server that was slow may have made one twice:
        the one that holds more stays."""
        kept = {}
        for number, runs in self._found(experiments).items():
            kept[number] = _fullest(runs)
            for run in runs:
                if run is not kept[number]:
                    self._client.delete_run(run.id)
        return kept

    def _found(self, experiments: list[str]) -> dict[int | None, list[Run]]:
        from mlflow.entities import ViewType

        if not experiments:
            return {}
        study = self._study
        found: dict[int | None, list[Run]] = {}
        for run in _pages(
            lambda token: self._client.search_runs(
                experiments,
                f"tags.study = '{study.name}' and tags.study_created = '{study.created_at}'",
                run_view_type=ViewType.ACTIVE_ONLY,  # what a user has deleted is made anew
                max_results=_PAGE,
                page_token=token,
            )
        ):
            trial = run.data.tags.get("trial")
            found.setdefault(None if trial is None else int(trial), []).append(_read(run))
        return found

    def _adopt_orphans(self) -> None:
        """Where the study's run was deleted and made anew, its trials' runs still name the old."""
        parent = self.runs.get(None)
        for run in self.runs.values() if parent is not None else ():
            assert parent is not None
            if run.tags.get(_PARENT) != parent.id and run is not parent:
                self._client.set_tag(run.id, _PARENT, parent.id)
                run.tags[_PARENT] = parent.id

    def create(self, trial: int | None, name: str, at_ms: int, tags: Mapping[str, str]) -> Run:
        """A new run that has begun at `at_ms`."""
        common = {"study": self._study.name, "study_created": str(self._study.created_at)}
        if trial is not None:
            common |= {"trial": str(trial), _PARENT: self.runs[None].id}
            common |= {"phase": self._study.config.phase}
        tags = {**common, **source_tags(self._study), **tags}
        made = self._client.create_run(self.experiment, start_time=at_ms, run_name=name, tags=tags)
        run = Run(id=made.info.run_id, experiment=self.experiment, tags=tags)
        self.runs[trial] = run
        if trial is None:
            self._adopt_orphans()
        return run


def _fullest(runs: list[Run]) -> Run:
    return max(runs, key=lambda run: (run.content, run.id))


def deleted_experiment(uri: str, name: str, number: str) -> TrackingError:
    return TrackingError(
        f"experiment {name} was deleted in MLflow: bring it back by "
        f"`MLFLOW_TRACKING_URI={shlex.quote(uri)} mlflow experiments restore "
        f"--experiment-id {number}`, or choose another --tracking-uri"
    )


def _artifact_location(uri: str, experiment: str) -> str | None:
    """MLflow's own choice (None), but where it would take a % in a local folder's name for an
    escape, and write beside it."""
    folder = Path("mlruns", experiment).resolve()
    is_misread = sqlite_path(uri) is not None and unquote(str(folder)) != str(folder)
    return folder.as_uri() if is_misread else None


def _read(run: Any) -> Run:
    tags = dict(run.data.tags)
    if not run.data.metrics:  # whatever has become of them
        tags = {name: value for name, value in tags.items() if name not in (EPOCHS, EVENTS)}
    return Run(
        id=run.info.run_id,
        experiment=run.info.experiment_id,
        status=run.info.status,
        end_ms=run.info.end_time,
        tags=tags,
        params=frozenset(run.data.params),
        content=len(run.data.metrics) + len(run.data.params),
        has_data=bool(run.inputs and run.inputs.dataset_inputs),
    )


def _pages(search: Any) -> Iterator[Any]:
    token = None
    while True:
        page: Iterable[Any] = search(token)
        yield from page
        token = page.token  # type: ignore[attr-defined]
        if not token:
            return
