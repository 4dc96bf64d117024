"""A study as a program handles it: `search.run` and `search.load` give one (search/__init__.py).

Heavy imports happen inside its methods.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from search.errors import EndedEarly

if TYPE_CHECKING:
    import pandas as pd

    from search.driver.new_study import OpenStudy
    from search.record.record import Record
    from search.record.study import Study as Row
    from search.reports.trials import BestTrial
    from search.tasks.config import StudyConfig
    from search.tasks.task import Task
    from search.tracking.page import Pages, Server

__all__ = ["StudyHandle", "ignore_line", "print_line"]


def print_line(text: str) -> None:
    """To a person, at once."""
    print(text, flush=True)


def ignore_line(text: str) -> None:
    """Where nobody wants to read."""


class StudyHandle:
    """A study on record: what is known of it, and what can be done with it."""

    def __init__(self, record: Record, row: Row, task: Task | None = None) -> None:
        self._record, self._row, self._given_task = record, row, task

    @property
    def name(self) -> str:
        return self._row.name

    @property
    def config(self) -> StudyConfig:
        """What was asked for, defaults included."""
        return self._row.config

    @property
    def task(self) -> Task:
        """Raises UserError where it cannot be imported from here."""
        from search.tasks.registry import find_task

        return self._given_task or find_task(self.config.task)

    @property
    def _shown_task(self) -> Task:
        """For who looks: no module is imported that only the record names."""
        from search.reports.recorded_task import shown_task

        return self._given_task or shown_task(self._record, self._row)

    @property
    def state(self) -> str:
        """running, finished, stopped (asked to) or interrupted (a signal, a crash)."""
        from search.reports.summary import study_state

        return study_state(self._record.history(self._row), self._record.driven(self.name))

    @property
    def summary(self) -> dict[str, Any]:
        """All that `show NAME --json` prints (search/README.md)."""
        from search.reports.summary import summarise

        return summarise(self._record, self._row, self._shown_task)

    @property
    def best(self) -> BestTrial | None:
        """The best complete trial: number, value (at its last epoch), epoch, config."""
        from search.reports.trials import best_trial

        return best_trial(self._record, self._row, self._shown_task)

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial, indexed by its number: state, value, epochs, one column config.NAME a
        hyperparameter, metric.NAME at its last epoch, cpu_s, seed, source, reason of a failure."""
        from search.reports.trials import trials_table

        return trials_table(self._record, self._row, self._shown_task)

    @property
    def epochs(self) -> pd.DataFrame:
        """A row an epoch: as trials.parquet."""
        from search.reports.table import table

        frame: pd.DataFrame = table(self._record, self._row).to_pandas()
        return frame

    def resume(
        self,
        *,
        trials: int | None = None,
        workers: int | None = None,
        storage: str | None = None,
        tracking_uri: str | None = None,
        trial_timeout_s: float | None = None,
        time_budget_s: float | None = None,
        address: str | None = None,
        accept_changes: bool = False,
        quiet: bool = False,
        events: bool = False,
        notify: str | None = None,
        until: str | None = None,
        budget_epochs: int | None = None,
        stop_when_no_gain: bool | None = None,
        say: Callable[[str], None] = print_line,
    ) -> Self:
        """Go on where it stands, or extend it to `trials` trials. None leaves a setting as it is,
        but `notify`, whose address is kept nowhere; `until="none"`, `budget_epochs=0` and
        `stop_when_no_gain=False` lift a bound.

        Returns and raises as `run`; UserError too where code, data or versions differ from those
        it began with, unless `accept_changes`.
        """
        from search.driver.reopen import reopen

        say = ignore_line if quiet else say
        opened, length = reopen(
            self._record,
            self._row,
            self._given_task,
            trials=trials,
            address=address,
            accept_changes=accept_changes,
            say=say,
            workers=workers,
            storage=storage,
            tracking_uri=tracking_uri,
            trial_timeout_s=trial_timeout_s,
            until=until,
            budget_epochs=budget_epochs,
            stop_when_no_gain=stop_when_no_gain,
            notify=notify,
        )
        self._row = opened.study
        return self.drive(
            opened, length, time_budget_s, address, quiet, say, events=events, notify=notify
        )

    def stop(self, *, now: bool = False, say: Callable[[str], None] = ignore_line) -> str:
        """Ask whoever drives it, or its promotion, to stop: when running trials pause, or `now`
        (within seconds). The name of what was asked. Raises UserError if nothing runs, or is about
        to: a new study, one whose driver has died, a promotion between two phases."""
        from search.driver.stop import request_stop

        return request_stop(self._record, self._row, now=now, say=say)

    def describe_best(self, count: int = 10, *, width: int | None = None) -> str:
        """The best trials as a table of text, wrapped at `width` characters."""
        from search.reports.trials import describe_best

        return describe_best(self._record, self._row, self._shown_task, count=count, width=width)

    def trial(self, number: int) -> dict[str, Any]:
        """Configuration, curve, failures, traceback and log of one trial."""
        from search.reports.summary import show_trial

        return show_trial(self._record, self._row, number)

    def follow(self, *, trial: int | None = None) -> Self:
        """Show a study that another process drives, or one trial's epochs and log, until it
        ends."""
        from search.reports.follow import follow_study, follow_trial

        if trial is None:
            follow_study(self._record, self._row, self._shown_task)
        else:
            follow_trial(self._record, self._row, trial)
        return self

    def pages(self, tracking_uri: str | None = None) -> Pages:
        """Where MLflow shows it, after the address of a server of its store (or of `tracking_uri`):
        `.study`, `.trials`. Raises UserError."""
        from search.tracking.page import pages_of

        return pages_of(self._row, self._shown_task, tracking_uri or self.config.tracking_uri)

    def sync(self, *, say: Callable[[str], None] = print_line) -> Self:
        """Deliver to MLflow what is missing. `say`: takes a line for each metric that MLflow
        refuses. Raises UserError."""
        from search.tracking.delivery import sync

        sync(self._record, self._row, self.task, say)
        return self

    def ui(self, *, port: int = 5000, say: Callable[[str], None] = print_line) -> Server:
        """Serve MLflow's pages in the background, on 127.0.0.1, say where the study's is, and open
        it where there is a browser; `.stop()` ends it. Raises UserError."""
        import webbrowser

        from search.tracking.page import Server, has_browser

        page = self.pages().study
        server = Server(self.config.tracking_uri, port)
        say(f"study {self.name}: {server.url}{page}")
        if has_browser():
            webbrowser.open(f"{server.url}{page}")
        return server

    def export(
        self,
        to: str = "tar",
        *,
        output: str | Path | None = None,
        say: Callable[[str], None] = print_line,
    ) -> Path | str:
        """Write the study for elsewhere, and give where: "tar" (to import it into another record),
        "parquet" (a row an epoch), "csv" (a row a trial), or "optuna:URL", a study of Optuna.
        `output`: of the first three, the file, which is not there yet. Raises UserError."""
        from search.tracking.export import export

        return export(self._record, self._row, self._given_task, to, output=output, say=say)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the study as one HTML page that can be sent to a colleague: what won, is it real,
        where did the time go, what next, and charts. Raises UserError, OSError."""
        from search.reports.page.render import write_report

        return write_report(self._record, self.name, Path(path), self._shown_task)

    def delete(self) -> None:
        """Its record and its folder; its runs in MLflow stay."""
        self._record.delete(self._row)

    def drive(
        self,
        opened: OpenStudy,
        trials: int,
        time_budget_s: float | None,
        address: str | None,
        quiet: bool,
        say: Callable[[str], None],
        **watching: Any,
    ) -> Self:
        """See it through; `watching`: how else it is shown (`see_through`). Raises EndedEarly,
        KeyboardInterrupt."""
        from search.driver import planning
        from search.driver.run import see_through

        told = planning.forecast_of(opened, trials, address)
        say(f"{told.text}\n{told.time_line()}")
        try:
            see_through(
                opened.record,
                opened.study,
                opened.task,
                opened.prepared,
                trials=trials,
                time_budget_s=time_budget_s,
                address=address,
                quiet=quiet,
                say=say,
                **watching,
            )
        except EndedEarly as early:
            if early.outcome == "interrupted":
                raise KeyboardInterrupt(early.why) from early
            if early.outcome == "failed":
                raise
        return self

    @property
    def length(self) -> int:
        """How many trials it is to have."""
        return self._record.history(self._row).length or self.config.trials

    @property
    def stopped_because(self) -> str:
        """Why its last driver ended before the end; "" if it did not."""
        session = self._record.history(self._row).last_session
        return str(session.details.get("why", "")) if session else ""

    def __repr__(self) -> str:
        return f"<search.Study {self.name}: {self.state}>"
