"""Run, resume and extend a study: everything that happens in its driver process."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.decisions.checkpoint_cleanup import superfluous
from search.decisions.history import History, Session, SessionEvent, Suggestion
from search.decisions.sampler import suggest, valued, why_not_learnt
from search.driver.ending import Ending
from search.errors import RecordError, StudyLockedError, UnreachableError, UserError
from search.files.node_data import ship
from search.files.paths import baseline_file, labels_file, save_predictions
from search.files.study_files import StudyFiles
from search.machines.cluster import ray_for
from search.record.record import Record, Study
from search.reports.table import write_table
from search.tasks.config import StudyConfig
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = ["create", "drive", "prepare"]

SETTLE_S = 60.0  # how long a record's server that does not answer is waited for at the end
PROBES = 32  # configurations drawn before the start, to see that the space holds


def create(record: Record, config: StudyConfig, task: Task, prepared: Prepared) -> Study:
    """A new study on record, with what it depends on. Raises ValueError."""
    data = task.data.load(prepared.folder)
    probe(task, config, data)
    labels = task.data.labels(data)
    if np.ndim(labels) != 1:
        raise UserError(
            f"the labels of task {config.task} are one an example, of shape (N,); got "
            f"{np.shape(labels)}"
        )
    baselines = task.data.baselines(data)
    scores = {n: task.objective(labels, p) for n, p in baselines.items()}
    known = {n: score for n, score in scores.items() if math.isfinite(score)}
    origin = {**depends_on(task, prepared), "baselines": known}
    folder = record.study_folder(config.name)
    folder.mkdir(parents=True, exist_ok=True)  # where it cannot be, no study is on record
    study = record.create(config, origin)
    _keep_examples(record.files(study), labels, baselines)
    return study


def _keep_examples(
    files: StudyFiles, labels: np.ndarray, baselines: Mapping[str, np.ndarray]
) -> None:
    """What predictions are compared with."""
    for path, predictions in [
        (labels_file(files.folder), labels),
        *[(baseline_file(files.folder, name), guess) for name, guess in baselines.items()],
    ]:
        save_predictions(predictions, path)
        files.keep(path)


def _make_up_for_a_kill(record: Record, study: Study, task: Task, prepared: Prepared) -> None:
    """A driver may have died between a study's creation and the last of `_keep_examples`."""
    files, names = record.files(study), study.origin["baselines"]
    needed = [labels_file(files.folder), *(baseline_file(files.folder, name) for name in names)]
    if study.config.parent is None and not files.have_all(needed):
        data = task.data.load(prepared.folder)
        _keep_examples(files, task.data.labels(data), task.data.baselines(data))


def prepare(task: Task, config: StudyConfig) -> Prepared:
    """The study's data, found, verified and parsed. Raises DataError."""
    return task.data.prepare(config.dataset, Path(config.data_dir) if config.data_dir else None)


def probe(task: Task, config: StudyConfig, data: Any) -> None:
    """Draw from the space with what is fixed: what cannot be trained is found out now.

    Raises ValueError.
    """
    for number in range(PROBES):
        drawn = suggest(
            number,
            valued(History(), lambda trial: 0.0),
            space=task.space,
            fixed=config.fixed,
            sampler="random",
            seed=config.seed,
        )
        values = task.configure({**config.fixed, **drawn})
        _check_plain(config.task, values)
        task.check(values, data)
        if why := why_not_learnt(values, space=task.space, fixed=config.fixed):
            raise UserError(
                f"the space of task {config.task} does not return what it draws ({why}): what it "
                "draws it returns, by the same name, so that the sampler learns from the record; "
                "values that follow from those belong into the training function"
            )
    for _, values in task.first_trials(config):
        task.check(values, data)


def _check_plain(task: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if value is not None and not isinstance(value, str | int | float | bool):
            raise UserError(
                f"{name} of task {task} is {value!r}: a hyperparameter is text, a number, a truth "
                "or None, as the record can keep it"
            )


def drive(
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    *,
    trials: int,
    told: Sequence[Suggestion] = (),
    time_budget_s: float | None = None,
    address: str | None = None,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Work on the study until it has `trials` trials and none can go on.

    `told`: trials that the sampler does not decide, as of a promotion. `address`: of the Ray
    cluster to work on, HOST:PORT; None: a Ray of our own.

    Raises EndedEarly after a signal, a request, the time budget or a failure of the whole, and
    StudyLockedError if another driver has it. The caller holds nothing: the record is all there is.
    """
    with (
        contextlib.ExitStack() as ray,  # ended last: MLflow hears of the study's end meanwhile
        record.driver_lock(study.name),
        Ending(record, study, time_budget_s) as ending,
    ):
        started = {"depends_on": depends_on(task, prepared)}
        record.append(study, Session(event="started", trials=trials, details=started))
        record.settle(SETTLE_S)  # what follows reads it
        usage = _Usage()
        try:
            on_started()
            ray.enter_context(ray_for(study.config, address))
            ending.listen()
            _make_up_for_a_kill(record, study, task, prepared)
            _tune(record, study, task, prepared, ending, told, on_cluster=bool(address))
            usage.measure()
        except BaseException as error:
            ending.ask("interrupted", str(error) or type(error).__name__, grace_s=0)
            raise
        finally:
            if ending.early:
                ray.close()  # no process that may still train outlives the lock
            event: SessionEvent = "finished"
            if ending.early:
                event = "stopped" if ending.early.outcome == "stopped" else "interrupted"
            why = ending.early.why if ending.early else ""
            details = {"cpu_s": usage.cpu_s, "why": why}
            try:
                record.append(study, Session(event=event, trials=trials, details=details))
                record.settle(SETTLE_S)
                _tidy(record, study, task)
            except (UnreachableError, StudyLockedError):
                raise
            except (RecordError, OSError):
                pass  # a full disk: it is said already
        if ending.early:
            raise ending.early


def _tidy(record: Record, study: Study, task: Task) -> None:
    """Write the table; of a finished study, drop the checkpoints that nobody needs."""
    history = record.history(study)
    dropped = superfluous(
        history,
        value=lambda trial: task.sign * trial.value(task.metric),
        max_epochs=study.config.max_epochs,
        keep=study.config.keep_checkpoints,
    )
    record.files(study).drop_checkpoints(dropped)
    write_table(record, study)


def _tune(
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    ending: Ending,
    told: Sequence[Suggestion],
    *,
    on_cluster: bool,
) -> None:
    from ray import tune

    from search.driver.hooks import EndHung, ForgetEnded, LeaveTune, Processes, StopWhenAsked
    from search.driver.searcher import StudySearcher
    from search.driver.trial import SegmentTrainable
    from search.machines.capacity import Capacity, OwnMachine
    from search.machines.node_check import expectation

    config, files = study.config, record.files(study)
    capacity = Capacity(config) if on_cluster else OwnMachine(config)
    expected = ""
    if on_cluster:
        expected = json.dumps(expectation(task, config, prepared, record.folder))
    searcher = StudySearcher(
        record,
        study,
        task,
        ending,
        {
            "node": expected,
            "task": config.task,
            "working_folder": str(Path.cwd()),
            "max_epochs": config.max_epochs,
            "threads": config.cpus_per_trial,
            "gpus": config.gpus_per_trial,
            "study_folder": str(files.folder),
            "study_key": files.name,
            "storage": config.storage,
            "data_folder": str(prepared.folder),
            "data_key": ship(files.store, prepared.folder),
        },
        told,
        capacity=capacity,
    )

    with contextlib.suppress(LeaveTune), capacity, tempfile.TemporaryDirectory() as scratch:
        tune.run(
            SegmentTrainable,
            name="segments",
            storage_path=scratch,  # Tune's own files; what counts is in the record
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=config.workers,
            resources_per_trial={"cpu": config.cpus_per_trial, "gpu": config.gpus_per_trial},
            reuse_actors=True,
            scheduler=EndHung(searcher),
            stop=StopWhenAsked(ending, searcher),
            callbacks=[Processes(searcher, capacity.lost_a_node), ForgetEnded()],
            verbose=0,
            raise_on_failed_trial=False,
        )


class _Usage:
    """CPU seconds of the driver and of Ray's own processes, for the breakdown of a study's time."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    def measure(self) -> None:
        """Call while Ray's processes still live."""
        import psutil

        own = psutil.Process()
        self.cpu_s["driver"] = round(sum(own.cpu_times()[:2]), 3)
        for child in own.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = child.name()
                kind = "workers" if name.startswith("ray::") else "ray"
                if "tracking" in " ".join(child.cmdline()):
                    kind = "tracking"
                spent = round(sum(child.cpu_times()[:2]), 3)
                self.cpu_s[kind] = round(self.cpu_s.get(kind, 0.0) + spent, 3)
