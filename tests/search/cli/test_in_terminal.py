"""Real studies in a terminal: watched, interrupted once and twice, watched from another one."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Place
from tests.terminal import Terminal

pytestmark = pytest.mark.long

RUN = [sys.executable, "-m", "search", "run", "tests.curve_task:TASK", "--name", "s", "--trials",
       "60", "--workers", "2", "--no-baseline", "--set", "epoch_s=0.3"]  # fmt: skip


def _terminal(place: Place, command: list[str], columns: int) -> Terminal:
    return Terminal(command, columns, cwd=place.folder, env=place.env)


def test_ctrl_c_once_keeps_the_screen_and_tells_how_to_go_on(place: Place):
    with _terminal(place, RUN, 80) as terminal:
        terminal.until(lambda: " gone, 0:" in terminal.text and "curve" in terminal.text)
        with _terminal(place, [*RUN[:3], "show", "s", "--watch"], 120) as other:
            other.until(lambda: "2 of 2 train" in other.text)
            terminal.type(b"\x03")
            terminal.until(lambda: "SIGINT: waiting up to 5 s" in terminal.text)
            assert terminal.ended() == 130
            assert other.ended() == 0
            assert "interrupted" in other.text
    assert "interrupted by SIGINT" in terminal.text
    assert "workers: " in terminal.text
    assert "python -m search resume s" in terminal.text
    assert "Traceback" not in terminal.text


def test_ctrl_c_twice_ends_now(place: Place):
    slow = [*RUN[:-1], "epoch_s=30"]
    with _terminal(place, slow, 120) as terminal:
        terminal.until(lambda: "2 of 2 train" in terminal.text)
        terminal.type(b"\x03")
        terminal.until(lambda: "again to end now" in terminal.text)
        terminal.type(b"\x03")
        assert terminal.ended(15) == 130
    assert "Traceback" not in terminal.text
    assert not terminal.screen.cursor.hidden
