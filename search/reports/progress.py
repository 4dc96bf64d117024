"""Shows a running study as it goes on: rich in a terminal, lines elsewhere, or JSON events."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

from rich.console import Console, RenderableType
from rich.live import Live

from search.errors import UnreachableError
from search.record.record import Record, Study
from search.reports import live
from search.reports.happenings import Happenings
from search.reports.notebook import WIDTH, display_in_notebook
from search.reports.standing import Follower, Standing
from search.tasks.task import Task

__all__ = ["Progress", "Show"]

Show = Literal["view", "events", "nothing"]
Hear = Callable[[dict[str, Any]], None]  # takes a happening (happenings.py)

REFRESH_S = 1.0
EVENTS_EVERY_S = 0.5
LINE_EVERY_S = 10.0  # where there is no terminal
CLEAR = "\x1b[2J\x1b[H"


class Progress:
    """Shows the study from a thread of its own, on stderr, until the `with` block ends."""

    def __init__(
        self,
        record: Record,
        study: Study,
        task: Task,
        *,
        show: Show = "view",
        hear: Hear | None = None,
    ) -> None:
        """`hear`: told of what happens from now on, in that thread; it raises nothing."""
        self._follower = Follower(record, study, task)
        self._happenings = Happenings(self._follower)
        self._show = show
        self._hear = [hear] if hear is not None else []
        self._problem = ""  # why the record does not answer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        if show == "events":
            self._hear.append(_print_event)

    def __enter__(self) -> Progress:
        if self._show != "nothing" or self._hear:
            self._read_quietly()
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

    def _follow(self) -> None:
        if self._show == "view":
            self._view()
            return
        ended = False
        while not ended:
            ended = self._ended.wait(EVENTS_EVERY_S)
            self._read()

    def _view(self) -> None:
        show_in_cell = display_in_notebook()
        console = Console(stderr=True)
        if show_in_cell is not None:
            ended = False
            while not ended:
                ended = self._ended.wait(REFRESH_S)
                show_in_cell(live.screen(self._now(), width=WIDTH))
        elif console.is_terminal:
            self._view_in_terminal(console)
        else:
            while not self._ended.wait(LINE_EVERY_S):
                print(live.line(self._now()), file=sys.stderr, flush=True)
            self._read()

    def _view_in_terminal(self, console: Console) -> None:
        size, ended = console.size, False
        first = self._screen(console)
        with Live(first, console=console, auto_refresh=False, vertical_overflow="crop") as view:
            # Of a process that is killed the cursor would stay hidden.
            console.show_cursor(True)
            while not ended:
                ended = self._ended.wait(REFRESH_S)
                shown = self._screen(console)
                if console.size != size:
                    # Lines that the terminal has wrapped anew are not where they were.
                    size = console.size
                    console.file.write(CLEAR)
                    view._live_render._shape = None
                view.update(shown, refresh=True)

    def _screen(self, console: Console) -> RenderableType:
        width, height = console.size
        options = console.options
        return live.screen(
            self._now(), width=width, height=height - 1, ascii_only=options.ascii_only
        )

    def _now(self) -> Standing:
        self._read()
        return self._follower.standing(self._problem)

    def _read(self) -> None:
        record = self._follower.record
        try:
            self._follower.read(self._tell)
            self._problem = ""
        except UnreachableError as error:
            waiting = record.unwritten
            self._problem = f"{error}; trials pause, {waiting} events wait to be recorded"

    def _read_quietly(self) -> None:
        """What has happened before is no news."""
        hear, self._hear = self._hear, []
        self._read()
        self._hear = hear

    def _tell(self, at: float, event: Any) -> None:
        for happening in self._happenings.of(at, event):
            for hear in self._hear:
                hear(happening)


def _print_event(happening: dict[str, Any]) -> None:
    print(json.dumps(happening), file=sys.stderr, flush=True)
