"""What a trial's code may do wrong in a worker: it fails that trial, and says why."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from search.files import paths
from search.tasks.imports import file_hash
from tests import curve_task
from trainables import checkpoint


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("nan", "score is nan at epoch 2"), ("raise", "RuntimeError: asked to fail")],
)
def test_a_fault_ends_the_segment_and_not_the_worker(run, fault, reason):
    ended = run(1, 4, fault=fault)

    assert len(ended) == 2
    assert ended[-1]["failure"] == reason
    assert ended[-1]["done"]
    assert len(run(1, 4, trial=1)) == 4


def test_a_diverged_epoch_leaves_no_checkpoint(run, tmp_path):
    run(1, 4, fault="nan")

    assert checkpoint.load(paths.checkpoint_folder(tmp_path, 0))[0] == 1


class _Mute(Exception):  # noqa: N818 (short)
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SystemExit("no such layer"), "SystemExit: no such layer"),
        (SystemExit(), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit("left"), "GeneratorExit: left"),
        (BaseExceptionGroup("two", [KeyboardInterrupt()]), "BaseExceptionGroup: two"),
        (_Mute(), "_Mute"),
    ],
)
@pytest.mark.parametrize("at", ["call", "epoch", "predictions", "state"])
def test_whatever_a_trial_s_code_raises_ends_the_trial_alone(run, monkeypatch, error, reason, at):
    def fail(*_: Any) -> Any:
        raise error

    def epochs(*arguments: Any, **options: Any) -> Iterator[Any]:
        for epoch in curve_task.train(*arguments, **options):
            if at == "epoch" and epoch.number == 2:
                fail()
            yield dataclasses.replace(
                epoch, **({at: fail} if at in ("predictions", "state") else {})
            )

    def train(*arguments: Any, **options: Any) -> Iterator[Any]:
        return fail() if at == "call" else epochs(*arguments, **options)

    monkeypatch.setattr(curve_task, "TASK", dataclasses.replace(curve_task.TASK, train=train))

    last = run(1, 3)[-1]

    assert last["failure"].startswith(reason)
    assert last["final"]
    assert "in fail" in last["traceback"]  # its place


def test_a_training_function_that_ends_early_says_so(run, monkeypatch):
    def short(*arguments: Any, **options: Any) -> Iterator[Any]:
        yield from list(curve_task.train(*arguments, **options))[:2]

    task = dataclasses.replace(curve_task.TASK, train=short)
    monkeypatch.setattr(curve_task, "TASK", task)

    ended = run(1, 4)

    assert [result.get("epoch") for result in ended] == [1, 2, None]
    assert "2" in ended[-1]["failure"]
    assert "epoch" in ended[-1]["failure"]


@pytest.mark.parametrize("first", [0, 2])
def test_a_training_function_that_counts_otherwise_says_so(run, monkeypatch, first):
    def counted(*arguments: Any, **options: Any) -> Iterator[Any]:
        for epoch in curve_task.train(*arguments, **options):
            yield dataclasses.replace(epoch, number=epoch.number - 1 + first)

    task = dataclasses.replace(curve_task.TASK, train=counted)
    monkeypatch.setattr(curve_task, "TASK", task)

    [ended] = run(1, 4)

    assert f"epoch {first} came where epoch 1 was due" in ended["failure"]


def test_too_few_predictions_are_a_failure(run, monkeypatch):
    def dropping(*arguments: Any, **options: Any) -> Iterator[Any]:
        for epoch in curve_task.train(*arguments, **options):
            yield dataclasses.replace(epoch, predictions=lambda: np.ones(48, np.float32))

    task = dataclasses.replace(curve_task.TASK, train=dropping)
    monkeypatch.setattr(curve_task, "TASK", task)

    ended = run(1, 4)

    assert "each of the 50 validation examples" in ended[-1]["failure"]
    assert "got (48,)" in ended[-1]["failure"]


def test_a_state_that_could_not_be_loaded_fails_at_once(run, monkeypatch):
    def odd(*arguments: Any, **options: Any) -> Iterator[Any]:
        for epoch in curve_task.train(*arguments, **options):
            state = {**epoch.state(), "best": np.array([{}], dtype=object)}
            yield dataclasses.replace(epoch, state=lambda state=state: state)

    task = dataclasses.replace(curve_task.TASK, train=odd)
    monkeypatch.setattr(curve_task, "TASK", task)

    [ended] = run(1, 4)

    assert "tensors, text, numbers, lists and dicts" in ended["failure"]
    assert "numpy" in ended["failure"]


def test_want_of_memory_is_tried_again_and_a_broken_card_ends_the_process(run, monkeypatch):
    def fails(error: Exception) -> dict[str, Any]:
        def train(*arguments: Any, **options: Any) -> Iterator[Any]:
            raise error
            yield

        monkeypatch.setattr(curve_task, "TASK", dataclasses.replace(curve_task.TASK, train=train))
        return run(1, 1)[-1]

    assert not fails(MemoryError("too large"))["final"]
    assert not fails(torch.OutOfMemoryError("CUDA out of memory"))["final"]
    assert fails(ValueError("odd"))["final"]

    monkeypatch.setattr(os, "_exit", lambda code: (_ for _ in ()).throw(SystemExit(code)))
    assert fails(RuntimeError("CUDA error: device-side assert triggered"))["final"]
    with pytest.raises(SystemExit):
        run(1, 1)  # in the same process


def test_code_that_has_changed_since_the_start_trains_no_trial(run, tmp_path, monkeypatch):
    lazy = tmp_path / "imported_late.py"
    lazy.write_text("RATE = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)
    files = {"imported_late": file_hash(lazy)}

    def train(*arguments: Any, **options: Any) -> Iterator[Any]:
        import imported_late  # noqa: F401

        yield from curve_task.train(*arguments, **options)

    task = dataclasses.replace(curve_task.TASK, train=train)
    monkeypatch.setattr(curve_task, "TASK", task)
    lazy.write_text("RATE = 2")

    [ended] = run(1, 4, files=files)

    # The study ends: the trial has not failed, and is there for a resume.
    assert "imported_late.py" in ended["halt"]
    assert "failure" not in ended


def test_code_that_a_process_has_goes_on_whatever_becomes_of_its_file(run, tmp_path, monkeypatch):
    early = tmp_path / "imported_early.py"
    early.write_text("RATE = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "imported_early", importlib.import_module("imported_early"))
    files = {"imported_early": file_hash(early)}

    assert len(run(1, 2, files=files)) == 2
    early.write_text("RATE = 2")
    assert len(run(3, 4, files=files)) == 2


@pytest.mark.parametrize("errno", [28, 122])
def test_a_full_disk_of_the_user_s_own_code_fails_its_trial(run, monkeypatch, errno):
    def full(*arguments: Any, **options: Any) -> Iterator[Any]:
        raise OSError(errno, "No space left on device")
        yield

    monkeypatch.setattr(curve_task, "TASK", dataclasses.replace(curve_task.TASK, train=full))

    [ended] = run(1, 2)

    assert "No space left" in ended["failure"]
    # There may be room again for another attempt.
    assert not ended["final"]
