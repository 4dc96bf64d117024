"""The live view of a running study, read from its record: rich in a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.decisions import asha, plan
from search.decisions.history import History, Trial
from search.errors import UnreachableError
from search.record.record import Record, Study
from search.reports.notebook import display_in_notebook
from search.reports.numbers import number_text, number_texts
from search.reports.summary import complete_trials
from search.reports.time_left import TimeLeft, clock, time_left_text
from search.tasks.task import Task

__all__ = ["Progress"]

REFRESH_S = 0.5
IN_NOTEBOOK_EVERY_S = 1.0
LINE_EVERY_S = 10.0  # where there is no terminal


class Progress:
    """Shows the study from a thread of its own, on stderr, until the `with` block ends."""

    def __init__(self, record: Record, study: Study, task: Task, *, quiet: bool) -> None:
        self._record, self._study, self._task = record, study, task
        self._quiet = quiet
        self._full_length = len(task.first_trials(study.config))
        self._history = History()
        self._complete = complete_trials(self._history, study, task)
        self._ladder = asha.rungs_of(
            self._history,
            ladder=plan.ladder_of(study.config),
            full_length=self._full_length,
            value=lambda trial, epoch: task.sign * trial.value(task.metric, epoch),
        )
        self._left = TimeLeft(self._history, study, task, self._full_length)
        self._cursor = 0
        self._unreachable = ""  # why the record does not answer
        self._begun_at = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Progress:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _show(self) -> None:
        show_in_cell = display_in_notebook()
        if show_in_cell is not None:
            ended = False
            while not ended:
                ended = self._ended.wait(IN_NOTEBOOK_EVERY_S)
                self._read()
                show_in_cell(Group(self.screen(), Text(self._unreachable, style="red")))
            return
        console = Console(stderr=True)
        if not console.is_terminal:
            while not self._ended.wait(LINE_EVERY_S):
                self._read()
                print(self.line(), file=sys.stderr, flush=True)
            return
        with Live(console=console, refresh_per_second=2, transient=True) as live:
            while not self._ended.wait(REFRESH_S):
                self._read()
                live.update(Group(self.screen(), Text(self._unreachable, style="red")))

    def _read(self) -> None:
        try:
            for sequence, at, event in self._record.events(self._study, self._cursor):
                self._history.apply(at, event)
                self._cursor = sequence
            self._unreachable = ""
            self._left.update(time.time())
        except UnreachableError as error:
            waiting = self._record.unwritten
            self._unreachable = f"{error}; trials pause, {waiting} events wait to be recorded"

    def line(self) -> str:
        """One plain line: where the study stands."""
        if self._unreachable:
            return f"{self._elapsed()}  {self._unreachable}"
        if not self._history.trials:
            return f"{self._elapsed()}  starting"
        done, total = self._epochs()
        return (
            f"{self._elapsed()}  {self._counts()}; epochs {done} of {total}, "
            f"{self._time_left()}; {self._best()}"
        )

    def screen(self) -> Group:
        """What a terminal shows: states, rungs, best so far, workers, time left."""
        config = self._study.config
        if not self._history.trials:
            return Group(Text(f"study {self._study.name}: starting {config.workers} workers"))
        done, total = self._epochs()
        return Group(
            Text(f"study {self._study.name}  {self._elapsed()}", style="bold"),
            Text(f"trials   {self._counts()}, of {self._history.length}"),
            Text(f"epochs   {done} of at most {total}, {self._time_left()}"),
            Text(f"best     {self._best()}"),
            *[Text(f"         {line}") for line in self._baselines()],
            self._rungs(),
            *[Text(line) for line in self._workers()],
        )

    def _elapsed(self) -> str:
        return clock(time.monotonic() - self._begun_at)

    def _counts(self) -> str:
        history = self._history
        states = {
            "complete": len(self._complete),
            "failed": history.failed,
            "running": len(history.open_trials()),
        }
        session = history.last_session
        resting = "pruned" if session and session.event == "finished" else "paused"
        states[resting] = len(history.trials) - sum(states.values())
        return ", ".join(f"{states[s]} {s}" for s in sorted(states) if states[s]) or "no trial yet"

    def _epochs(self) -> tuple[int, int]:
        history = self._history
        config = self._study.config
        most = plan.most_epochs_of(config, history.length, self._full_length, history)
        return history.epochs, most

    def _time_left(self) -> str:
        return time_left_text(self._left.interval(time.time()))

    def _best(self) -> str:
        best = self._complete.best()
        if best is None:
            return "no trial is complete yet"
        value = number_text(best.value(self._task.metric))
        return f"{self._task.metric} {value} (trial {best.number})"

    def _baselines(self) -> list[str]:
        known = list(self._study.origin["baselines"].items())
        for trial in self._history.trials[: self._full_length]:
            if trial.epoch >= self._study.config.max_epochs:
                known.append((trial.suggestion.source, trial.value(self._task.metric)))
        texts = number_texts([value for _, value in known])
        return [f"{name} {text}" for (name, _), text in zip(known, texts, strict=True)]

    def _rungs(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for title in ("rung", "reached", "went on", "best"):
            table.add_column(title, justify="right")
        bests = [(rung, rung.recorded.best()) for rung in self._ladder]
        values = {r.epoch: b.value(self._task.metric, r.epoch) for r, b in bests if b is not None}
        texts = dict(zip(values, number_texts(list(values.values())), strict=True))
        for rung in self._ladder:
            shown = texts.get(rung.epoch, "")
            counts = str(len(rung.recorded)), str(len(rung.advanced))
            table.add_row(f"epoch {rung.epoch}", *counts, shown)
        return table

    def _workers(self) -> list[str]:
        busy: list[Trial] = self._history.open_trials()
        lines = [
            f"worker   trial {trial.number}, epoch {trial.epoch + 1} of {trial.target}"
            for trial in busy
        ]
        return lines + ["worker   idle"] * (self._study.config.workers - len(busy))
