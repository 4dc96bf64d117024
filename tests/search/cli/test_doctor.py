"""What `doctor` finds where something is wrong; test_readme.py has it find all well."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.cli import doctor


def test_a_gpu_without_its_driver_s_program_is_red_and_no_end(monkeypatch):
    monkeypatch.setattr(doctor, "gpu_count", lambda: 1)
    monkeypatch.setenv("PATH", "/nowhere")

    finding = doctor._gpus()

    assert (finding.light, finding.subject) == ("red", "GPU")
    assert "nvidia-smi" in finding.found


def test_a_driver_that_hangs_is_red(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(doctor, "gpu_count", lambda: 1)
    monkeypatch.setattr(doctor, "GPU_ANSWER_S", 0.5)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert doctor._gpus().light == "red"


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
