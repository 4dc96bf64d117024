"""Run, resume and extend a study: everything that happens in its driver process."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from search.decisions.history import Session, SessionEvent, Suggestion
from search.driver.begin import make_up_for_a_kill
from search.driver.ending import Ending
from search.driver.finish import finish
from search.driver.processor_time import ProcessorTime
from search.errors import RecordError, StudyLockedError, UnreachableError
from search.files.node_data import ship
from search.machines.cluster import ray_for
from search.record.record import Record, Study
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = ["drive"]

SETTLE_S = 60.0  # how long a record's server that does not answer is waited for at the end


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
        usage = ProcessorTime()
        try:
            on_started()
            ray.enter_context(ray_for(study.config, address))
            ending.listen()
            make_up_for_a_kill(record, study, task, prepared)
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
                finish(record, study, task)
            except (UnreachableError, StudyLockedError):
                raise
            except (RecordError, OSError):
                pass  # a full disk: it is said already
        if ending.early:
            raise ending.early


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
