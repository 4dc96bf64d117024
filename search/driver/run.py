"""Run, resume and extend a study: everything that happens in its driver process.

`see_through` is what a user wants: the study driven to its end, watched, with MLflow following.
`drive` is its inner part.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from search.ctrl_c import interruptible
from search.decisions.history import Given, Session, SessionEvent
from search.driver.begin import restore_examples
from search.driver.ending import Ending
from search.driver.finish import finish
from search.driver.processor_time import ProcessorTime
from search.errors import (
    EndedEarly,
    RecordError,
    StorageError,
    StudyLockedError,
    UnreachableError,
    first_line,
)
from search.files.node_data import upload_data
from search.machines.cluster import ray_for
from search.record.commands import command
from search.record.record import Record, Study
from search.reports.forecast import kind_of_machine
from search.reports.progress import Progress, Show
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from search.tracking import delivery
from search.tracking.notify import Notifier
from trainables.data import Prepared

__all__ = ["drive", "see_through"]

SETTLE_S = 60.0  # how long a record's server that does not answer is waited for at the end

SOON_S = 4.0  # what a delivery to MLflow usually takes: until then it is waited for without a word
DELIVERY_S = 30.0  # and this much longer after one


def see_through(
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    *,
    trials: int,
    given: Given | None = None,
    time_budget_s: float | None = None,
    address: str | None = None,
    quiet: bool = False,
    events: bool = False,
    notify: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    await_delivery: bool = True,
    obeyed: int | None = None,
) -> None:
    """Work on the study as `drive` does, with a live view and a process that delivers to MLflow.

    `quiet`: no live view, which goes to stderr; `events`: in its place a line of JSON for whatever
    happens (search/reports/happenings.py); `notify`: an address or a command that is told of new
    bests and of the end (search/tracking/notify.py). `say`: takes lines for a person about the
    delivery, which is waited for, unless `await_delivery` is false. `obeyed`: as in `drive`.

    Raises EndedEarly for whatever ends the study before its end, at the very end; StudyLockedError
    at once.
    """
    show: Show = "events" if events else "nothing" if quiet else "view"
    followers: list[delivery.Follower] = []
    notifier = Notifier(notify, study.name)
    ended: EndedEarly | None = None
    try:
        with (
            interruptible(),
            notifier,
            Progress(record, study, task, show=show, hear=notifier.hear),
            notifier.telling_the_end(),
        ):
            drive(
                record,
                study,
                task,
                prepared,
                trials=trials,
                given=given,
                time_budget_s=time_budget_s,
                address=address,
                obeyed=obeyed,
                on_started=lambda: followers.append(delivery.start(record, study)),
                notified=notify is not None,
            )
    except StudyLockedError:
        raise
    except EndedEarly as early:
        ended = EndedEarly(early.outcome, early.why, study.name)
    except KeyboardInterrupt:
        ended = EndedEarly("interrupted", "interrupted", study.name)
    except (OSError, RecordError, StorageError) as error:
        ended = EndedEarly("failed", first_line(error), study.name)
    if notifier.problem:
        say(f"--notify was not told of all: {notifier.problem}")
    if await_delivery:
        # Where it was interrupted, the machine may be gone in seconds.
        hurried = ended is not None and ended.outcome == "interrupted"
        for follower in followers:
            _await_delivery(follower, record, study, say, hurried=hurried)
    if ended is not None:
        raise ended


def _await_delivery(
    follower: delivery.Follower,
    record: Record,
    study: Study,
    say: Callable[[str], None],
    *,
    hurried: bool,
) -> None:
    if not hurried and not follower.wait(SOON_S):
        say("delivering to MLflow ...")
    if not follower.wait(0 if hurried else DELIVERY_S):
        why = delivery.why_behind(record, study)
        reason = f" ({why})" if why else ""
        say(f"MLflow is behind{reason}; later: {command(record, f'sync {study.name}')}")
    for line in delivery.refusals(record, study):
        say(line)


def drive(
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    *,
    trials: int,
    given: Given | None = None,
    time_budget_s: float | None = None,
    address: str | None = None,
    obeyed: int | None = None,
    on_started: Callable[[], None] = lambda: None,
    notified: bool = False,
) -> None:
    """Work on the study until it has `trials` trials and none can go on.

    `given`: asked for trials in the sampler's place, as of a promotion, until it gives none;
    `trials` then says how many there may be. `address`: of the Ray cluster to work on, HOST:PORT;
    None: a Ray of our own. `obeyed`: the last request to stop that
    is not for this driver (`Ending`). `notified`: somebody is told of its end, which goes on
    record, that a resume can say that it is to be asked for again.

    Raises EndedEarly after a signal, a request, the time budget or a failure of the study, and
    StudyLockedError if another driver has it. The caller holds nothing: the record is all there is.
    """
    ending = Ending(record, study, time_budget_s, obeyed)
    with (
        contextlib.ExitStack() as ray,  # ended last: MLflow hears of the study's end meanwhile
        record.driver_lock(study.name),
        ending,
    ):
        now = depends_on(task, prepared, study.config.task, study.config.own_modules)
        machine = "" if address else kind_of_machine(study.config)
        details = {"depends_on": now, "machine": machine, "notified": notified}
        started = Session(event="started", trials=trials, details=details)
        record.append(study, started)
        record.wait_until_written(SETTLE_S)  # what follows reads it
        usage = ProcessorTime()
        ended_because = ""
        try:
            on_started()
            ray.enter_context(ray_for(study.config, address))
            ending.handle_signals_again()
            restore_examples(record, study, task, prepared)
            ended_because = _run_tune(
                record,
                study,
                task,
                prepared,
                ending,
                given,
                now["files"],
                on_cluster=bool(address),
            )
            usage.measure()
        except BaseException as error:
            ending.request("interrupted", str(error) or type(error).__name__, grace_s=0)
            raise
        finally:
            if ending.early:
                ray.close()  # no process that may still train outlives the lock
            event: SessionEvent = "finished"
            if ending.early:
                event = "stopped" if ending.early.outcome == "stopped" else "interrupted"
            why = ending.early.why if ending.early else ended_because
            details = {"cpu_s": usage.cpu_s, "why": why}
            try:
                if given is not None:
                    trials = len(record.history(study).trials)
                record.append(study, Session(event=event, trials=trials, details=details))
                record.wait_until_written(SETTLE_S)
                finish(record, study, task)
            except (RecordError, OSError) as error:
                if isinstance(error, UnreachableError | StudyLockedError) or not ending.early:
                    raise
                # As of a full disk: the reason is known already.
        if ending.early:
            raise ending.early


def _run_tune(
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    ending: Ending,
    given: Given | None,
    own_files: Mapping[str, str],
    *,
    on_cluster: bool,
) -> str:
    """Why the study has ended with fewer trials than it was to have; "": it has not."""
    from ray import tune

    from search.driver.hooks import (
        EndHungProcesses,
        ForgetEndedTrials,
        LeaveTune,
        ReportProcesses,
        StopOnRequest,
    )
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
            "files": json.dumps(dict(own_files)),
            "task": config.task,
            "working_folder": str(Path.cwd()),
            "max_epochs": config.max_epochs,
            "threads": config.cpus_per_trial,
            "gpus": config.gpus_per_trial,
            "study_folder": str(files.folder),
            "study_key": files.name,
            "storage": config.storage,
            "data_folder": str(prepared.folder),
            "data_key": upload_data(files.store, prepared.folder),
        },
        given,
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
            scheduler=EndHungProcesses(searcher),
            stop=StopOnRequest(ending, searcher),
            callbacks=[ReportProcesses(searcher, capacity.lost_a_node), ForgetEndedTrials()],
            # Tune's own for a notebook clears what a cell has shown.
            progress_reporter=tune.CLIReporter(),
            verbose=0,
            raise_on_failed_trial=False,
        )
    return searcher.ended_because
