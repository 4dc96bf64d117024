"""What Tune calls beside the searcher. Tune pickles these for snapshots that we do not use."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.tune import Callback, Stopper
from ray.tune.schedulers import FIFOScheduler
from ray.util import placement_group_table

from search.driver.attempts import NO_MEMORY
from search.driver.ending import Ending
from search.driver.searcher import StudySearcher
from search.machines.node_check import UNFIT
from search.machines.ray_internals import (
    finish_trial,
    forget_ended_trials,
    live_trials,
    process_of,
)

__all__ = ["EndHungProcesses", "ForgetEndedTrials", "LeaveTune", "ReportProcesses", "StopOnRequest"]

POLL_S = 2.0  # how often a hanging process is looked for


class LeaveTune(Exception):  # noqa: N818 (not an error)
    """Leaves Tune's loop at once, epochs running or not."""


class StopOnRequest(Stopper):  # type: ignore[misc]
    """Ends segments when the study is to end; never decides on trials."""

    def __init__(self, ending: Ending, searcher: StudySearcher) -> None:
        self._ending, self._searcher = ending, searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._ending.at_next_epoch

    def stop_all(self) -> bool:
        """Asked in every turn of Tune's loop."""
        self._ending.poll()
        if self._ending.overdue or self._searcher.finished:
            raise LeaveTune  # also at the end: Tune would write down all that it has run
        return False

    def __getstate__(self) -> dict[str, Any]:
        return {}


class ReportProcesses(Callback):  # type: ignore[misc]
    """Tells the searcher that a worker process has started, and why one died: Tune tells searchers
    only that it did."""

    def __init__(self, searcher: StudySearcher, lost_a_node: Callable[[], bool]) -> None:
        self._searcher, self._lost_a_node = searcher, lost_a_node

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._searcher.on_start(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Tune's own `get_error` looks where the file is only copied to some time later.
        file = Path(trial.error_file or "")
        error = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        machine_gone = bool(_NODE_DIED.search(error)) or (
            "is unavailable" in error and self._lost_a_node()  # nobody knows more yet
        )
        self._searcher.on_process_death(trial.trial_id, _why(error, machine_gone), machine_gone)

    def __getstate__(self) -> dict[str, Any]:
        return {}


class EndHungProcesses(FIFOScheduler):  # type: ignore[misc]
    """Ends segments whose process says nothing and cannot end itself, as trial.py's watchdog does:
    one that never started, or that is stopped. Decides on no trial."""

    def __init__(self, searcher: StudySearcher) -> None:
        super().__init__()
        self._searcher = searcher
        self._next_poll = 0.0

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Asked in every turn of Tune's loop; None: Tune starts what is pending, in order."""
        now = time.monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + POLL_S
        for trial in live_trials(tune_controller):
            if trial.status == trial.PENDING and _some_wait_for_room():
                self._searcher.on_sign_of_life(trial.trial_id)
            elif self._searcher.hangs(trial.trial_id):
                self._end(tune_controller, trial)

    def _end(self, tune_controller: Any, trial: Any) -> None:
        process = process_of(trial)
        if process is not None:
            ray.kill(process)  # Tune notices the death
            return
        self._searcher.on_process_death(trial.trial_id, "")  # the searcher knows why
        finish_trial(tune_controller, trial)

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _some_wait_for_room() -> bool:
    """Whether a trial is without its cores and GPUs: it has no process yet."""
    return any(group["state"] == "PENDING" for group in placement_group_table().values())


class ForgetEndedTrials(Callback):  # type: ignore[misc]
    """Ended trials leave Tune's memory: the record has it all."""

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        forget_ended_trials(trials)


_NODE_DIED = re.compile(r"\bnode\b[^.]*\b(died|dead|terminated|drained|preempted)\b")


def _why(error: str, machine_gone: bool) -> str:
    """The one line of Ray's account that says why a process died."""
    if re.search(r"running low on memory|OutOfMemory", error):
        return NO_MEMORY
    unfit = re.search(rf"{UNFIT}.*", error)
    if unfit:
        return unfit[0]
    if machine_gone:
        return "its machine went away"
    detail = re.search(r"(?:exit detail|dead because|died because|is unavailable)[^\n]*", error)
    return f"its process died ({detail[0][:200].strip()})" if detail else "its process died"
