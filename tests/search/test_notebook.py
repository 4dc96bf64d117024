"""A real notebook: cells run by a real kernel, as Jupyter runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

DEFINE = """
import time
from dataclasses import dataclass
import numpy as np
import search

@dataclass(frozen=True, kw_only=True)
class Config:
    slope: float = 0.1
    epoch_s: float = 0.0

def train(config, data, *, seed, max_epochs, resume_from=None):
    done = resume_from["epoch"] if resume_from else 0
    for number in range(done + 1, max_epochs + 1):
        time.sleep(config.epoch_s)
        guess = np.full(len(data), config.slope, dtype=np.float32)
        yield search.Epoch(
            number=number,
            metrics={"error": float(abs(config.slope - 0.5)) / number},
            state=lambda number=number: {"epoch": number},
            predictions=lambda: guess,
        )

TASK = search.Task(
    name="slopes",
    metric="error",
    mode="min",
    config=Config,
    space=lambda trial: {"slope": trial.suggest_float("slope", 0.0, 1.0)},
    train=train,
    data=search.InMemoryData(
        make=lambda: np.linspace(0, 1, 20),
        labels=lambda data: data,
        objective=lambda labels, guess: float(np.mean(abs(labels - guess))),
    ),
)
"""


@pytest.fixture
def run(place, monkeypatch):
    """Run these cells in a new notebook; the notebook with its outputs."""
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)

    def execute(*cells: str, timeout_s: float = 120) -> nbformat.NotebookNode:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        client = NotebookClient(
            notebook,
            timeout=timeout_s,
            kernel_name="python3",
            resources={"metadata": {"path": str(place.folder)}},
        )
        client.execute()
        return notebook

    return execute


def _text(cell: nbformat.NotebookNode) -> str:
    """Everything that a cell shows."""
    shown = []
    for output in cell.outputs:
        shown.append(output.get("text", ""))
        shown += [str(value) for value in output.get("data", {}).values()]
    return "\n".join(shown)


def test_a_task_of_the_notebook_is_searched_twice_looked_at_and_extended(run):
    notebook = run(
        DEFINE,
        "study = search.run(TASK, trials=4, name='first', workers=2, max_epochs=3)",
        "study.best",
        "study.trials[['state', 'value', 'config.slope']]",
        "len(search.run(TASK, trials=3, name='second', workers=1, max_epochs=1).trials)",
        "len(study.resume(trials=6).trials), study.state",
        "search.load('first', task=TASK).epochs.shape[0] == len(study.epochs)",
        "list(search.studies().name)",
    )
    _, ran, best, trials, second, resumed, loaded, names = notebook.cells

    assert "epochs" in _text(ran)
    # The live view is one output that is updated in place.
    assert sum("display_data" in output.output_type for output in ran.outputs) == 1
    assert "BestTrial(number=" in _text(best)
    assert "complete" in _text(trials)
    assert _text(second).split()[-1] == "3"
    assert _text(resumed).strip().endswith("(6, 'finished')")
    assert _text(loaded).strip() == "True"
    assert _text(names).strip() == "['first', 'second']"


def test_the_stop_button_interrupts_the_study_which_can_be_resumed(place, run, monkeypatch):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(code)
            for code in (
                DEFINE,
                "search.run(TASK, trials=50, name='long', fixed={'epoch_s': 0.5}, workers=1)",
            )
        ]
    )
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(place.folder)}}
    )

    def press_stop() -> None:
        while not (place.folder / "studies" / "record.db").exists() or not _epochs(place):
            time.sleep(0.5)
        asyncio.run(client.km.interrupt_kernel())

    presser = threading.Thread(target=press_stop, daemon=True)
    presser.start()
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        client.execute()

    record = place.record
    study = record.study("long")
    assert record.history(study).last_session.event == "interrupted"
    assert not record.driven("long")


def _epochs(place) -> int:
    studies = place.record.studies()
    return place.record.history(studies[0]).epochs if studies else 0


def test_a_script_needs_no_main_line_and_threads_take_no_signals(place):
    done = _script(
        place,
        """
import threading
studies = []
def work():
    studies.append(search.run(TASK, trials=3, name="threaded", workers=1, max_epochs=1, quiet=True))
worker = threading.Thread(target=work)
worker.start()
worker.join()
again = search.run(TASK, trials=3, name="main", workers=1, max_epochs=1, quiet=True)
print(studies[0].state, again.state, again.best.number in again.trials.index)
""",
    )
    later = _script(
        place,
        """
try:
    search.load("main").task
except search.UserError as error:
    print(error)
study = search.load("main", task=TASK)
print(study.resume(trials=5, quiet=True).state, len(study.trials))
""",
    )

    assert done == ["finished finished True"]
    assert "was defined in a notebook or script" in later[0]
    assert later[1] == "finished 5"


def _script(place, code: str) -> list[str]:
    """What a script prints that defines the task and then does `code`, by lines."""
    (place.folder / "script.py").write_text(DEFINE + code)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=place.folder,
        env=place.env,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
