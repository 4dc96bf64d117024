from __future__ import annotations

from pathlib import Path

import pytest

from tests.gpu import card
from tests.gpu.card import CardWatch
from tests.waiting import wait_until


def test_samples_are_averaged_and_what_is_no_number_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = tmp_path / "answers"
    answers.write_text("20, 1000\n[N/A], [N/A]\n\n60, 3000\n")
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nhead -n 1 {answers}; sed -i 1d {answers}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(card, "EVERY_S", 0.01)

    with CardWatch() as watch:
        wait_until(lambda: not answers.read_text())

    assert watch.utilisation == pytest.approx(0.4)
    assert watch.memory_mib == 3000


def test_without_a_card_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with CardWatch() as watch:
        pass

    assert (watch.utilisation, watch.memory_mib) == (None, None)
