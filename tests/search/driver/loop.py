"""A loop in place of Tune's around the searcher, with workers that train at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher
from ray.tune.utils import flatten_dict

from search.decisions.history import EpochEnd, History, Suggestion
from search.driver.ending import Ending
from search.driver.searcher import StudySearcher
from search.record.record import Record
from search.tasks.config import StudyConfig
from search.tasks.task import Task
from tests.curve_task import TASK
from tests.search.studies import session

TRIALS = 9


class Loop:
    """A study driven by hand: `workers` segments at a time, epochs in turn."""

    def __init__(
        self,
        record: Record,
        name: str = "s",
        task: Task = TASK,
        origin: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        config = {"trials": TRIALS, "workers": 1, **options}
        self.record, self.task = record, task
        self.study = record.create(
            StudyConfig(name=name, task="tests.curve_task:TASK", dataset="ones", **config),
            {"baselines": {}, **(origin or {})},
        )
        self._ids = (str(n) for n in itertools.count())
        self.begin()

    def begin(self, trials: int | None = None) -> None:
        """A new driver: all that it knows is on record."""
        length = trials or self.study.config.trials
        self.record.append(self.study, session("started", length))
        self.ending = Ending(self.record, self.study)
        self.searcher = StudySearcher(self.record, self.study, self.task, self.ending, {})
        self.at_work: dict[str, tuple[dict[str, Any], Iterator[Any]]] = {}

    def run(self, epochs: int = 10_000) -> Any:
        """Until the searcher says finished, or so many epochs have ended."""
        while epochs:
            told = self._give_out()
            if told == Searcher.FINISHED:
                return told
            for trial_id in list(self.at_work):
                epochs -= 1
                self._one_epoch(trial_id)
                if not epochs:
                    break
        return None

    def _give_out(self) -> Any:
        while len(self.at_work) < self.study.config.workers:
            trial_id = next(self._ids)
            told = self.searcher.suggest(trial_id)
            if not isinstance(told, dict):
                assert self.at_work or told == Searcher.FINISHED, "waits for nothing"
                return told
            self.at_work[trial_id] = told, self._train(told)
        return None

    def _train(self, told: dict[str, Any]) -> Iterator[Any]:
        """From the segment's first epoch; the state is made anew, as from a checkpoint."""
        epochs = self.task.training_function()(
            self.task.config(**told["config"]),
            self.task.data.load(Path(".")),
            seed=told["seed"],
            max_epochs=self.study.config.max_epochs,
        )
        return itertools.islice(epochs, told["first_epoch"] - 1, None)

    def _one_epoch(self, trial_id: str) -> None:
        told, epochs = self.at_work[trial_id]
        try:
            epoch = next(epochs)
        except RuntimeError as error:
            result = {"failure": str(error), "traceback": "...", "final": True, "done": True}
        else:
            times = {"cpu_s": 0.1, "wall_s": 0.1, "reset_s": 0.0}
            done = epoch.number >= told["last_epoch"]
            metrics = {"metrics": dict(epoch.metrics)}
            result = {"epoch": epoch.number, **metrics, **times, "done": done}
        if result["done"]:
            self.searcher.on_trial_complete(trial_id, result=flatten_dict(result))
            del self.at_work[trial_id]
        else:
            self.searcher.on_trial_result(trial_id, flatten_dict(result))

    def process_dies(self) -> None:
        trial_id = next(iter(self.at_work))
        self.searcher.on_trial_complete(trial_id, error=True)
        self.searcher.on_process_death(trial_id, "its process died")
        del self.at_work[trial_id]

    @property
    def history(self) -> History:
        return self.record.history(self.study)

    @property
    def table(self) -> list[Any]:
        """Suggestions and epochs in their order, without times and attempts."""
        table: list[Any] = []
        for _, _, event in self.record.events(self.study):
            if isinstance(event, Suggestion):
                table.append((event.trial, event.config, event.seed, event.source))
            elif isinstance(event, EpochEnd):
                table.append((event.trial, event.epoch, event.metrics, event.decision))
        return table


def end_segment(loop: Loop) -> None:
    for trial_id in list(loop.at_work):
        while trial_id in loop.at_work:
            loop._one_epoch(trial_id)
