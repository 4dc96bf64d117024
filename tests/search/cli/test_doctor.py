"""What `doctor` finds where something is wrong; test_readme.py has it find all well."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.cli import doctor


def test_a_card_is_shown_with_memory_driver_and_whether_trials_can_share_it(nvidia):
    nvidia(cards=1)

    finding = doctor._gpus()

    assert finding.light == "green"
    assert finding.found == (
        "NVIDIA H100 80GB HBM3, 4 MiB of 81559 MiB used, driver 580.159.04, "
        "shared by several processes"
    )


def test_no_card_is_no_trouble(nvidia):
    nvidia(cards=0)

    assert doctor._gpus().light == "green"


def test_a_card_for_one_process_is_yellow(nvidia):
    nvidia(cards=2, compute_mode="Exclusive_Process")

    finding = doctor._gpus()

    assert finding.light == "yellow"
    assert "Exclusive_Process: not shared" in finding.found
    assert "nvidia-smi -c DEFAULT" in finding.fix


def test_a_card_in_parts_is_told(nvidia):
    nvidia(cards=1, mig=2)

    assert "shared by MIG devices, named in CUDA_VISIBLE_DEVICES" in doctor._gpus().found


def test_cards_that_are_hidden_are_yellow(nvidia, monkeypatch):
    nvidia(cards=1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")

    finding = doctor._gpus()

    assert finding.light == "yellow"
    assert "CUDA_VISIBLE_DEVICES=NoDevFiles leaves 0" in finding.found


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("missing", "nvidia-smi, the driver's program, is not installed"),
        ("fails", "no communication with the driver"),
        ("hangs", "timed out"),
        ("nothing", "No devices were found"),
    ],
)
def test_a_driver_that_does_not_answer_is_red(nvidia, says, reason):
    nvidia(cards=2, says=says)

    finding = doctor._gpus()

    assert finding.light == "red"
    assert reason in finding.found


@pytest.mark.parametrize("there", [True, False])
def test_a_studies_folder_is_made_if_it_is_not_there(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "studies"
    if there:
        folder.mkdir()

    assert doctor._studies(folder, None).light == "green"
    doctor.try_to_write(str(folder))


def test_a_record_that_is_missing_is_red(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "driver.lock").touch()

    finding = doctor._studies(tmp_path, None)

    assert finding.light == "red"
    assert "record.db is missing" in finding.found
