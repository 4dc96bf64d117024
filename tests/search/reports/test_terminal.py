"""The live view in a terminal: at 80 and 120 columns, after a resize, and at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.terminal import Terminal

PROGRAM = """
import sys
from pathlib import Path

from search.record.record import open_record
from search.reports import progress
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, scored, segment, session, suggestion

progress.REFRESH_S = 0.05
record = open_record(Path("studies"), create=True)
config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones", trials=6, workers=2)
study = record.create(config, {"baselines": {"zero": 0.25}})
print("a line before")
with progress.Progress(record, study, TASK):
    record.append(study, session("started", 6), *scored({9: 0.5}, {9: 0.75}, {1: 0.3})[1:])
    record.append(study, suggestion(3), segment(3, 1, 1))
    sys.stdin.readline()
    print("a line in between")
    record.append(study, epoch(3, 1, 0.6), session("finished", 6))
    sys.stdin.readline()
print("a line after")
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    return [sys.executable, str(tmp_path / "program.py")]


def _terminal(program: list[str], columns: int, rows: int = 24) -> Terminal:
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return Terminal(program, columns, rows, cwd=Path(program[1]).parent, env=env)


def test_at_80_columns_it_is_drawn_in_place_and_the_last_screen_stays(program):
    with _terminal(program, 80) as terminal:
        terminal.until(lambda: "trial 3: epoch 1 of 1" in terminal.text)
        assert terminal.lines[0] == "a line before"
        assert terminal.text.count("workers: ") == 1
        assert not terminal.screen.cursor.hidden

        terminal.type(b"\n")
        terminal.until(lambda: "finished" in terminal.text)
        assert "a line in between" in terminal.text
        assert terminal.text.count("workers: ") == 1

        terminal.type(b"\n")
        assert terminal.ended() == 0

    text = terminal.text
    assert "2 complete, 2 pruned, of 6" in text
    assert "best: score 0.7500 (trial 1)" in text
    assert text.index("workers: ") < text.index("a line after")
    assert b"\x1b[2J" not in terminal.written


def test_a_resize_leaves_one_whole_screen(program):
    with _terminal(program, 120, 30) as terminal:
        terminal.until(lambda: "trial 3: epoch 1 of 1" in terminal.text)
        beside = [line for line in terminal.lines if line.startswith("epoch 1")]
        assert "0.7500" in beside[0]

        terminal.resize(80, 24)
        terminal.until(lambda: any(line.startswith("trial ") for line in terminal.lines))
        assert terminal.lines[0].startswith("study s")
        assert sum("workers: " in line for line in terminal.lines) == 1
        assert max(map(len, terminal.lines)) <= 80

        terminal.resize(120, 30)
        terminal.until(lambda: any("cut-off  " in line for line in terminal.lines))
        assert sum("workers: " in line for line in terminal.lines) == 1
        terminal.type(b"\n\n")
        assert terminal.ended() == 0
