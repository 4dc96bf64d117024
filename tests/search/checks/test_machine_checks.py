"""What `doctor` finds where something is wrong; test_readme.py has it find all well."""

from __future__ import annotations

import http.server
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from search.checks import machine_checks
from tests.conftest import empty_mlflow


def test_a_card_is_shown_with_memory_driver_and_whether_trials_can_share_it(nvidia):
    nvidia(cards=1)

    finding = machine_checks._gpus()

    assert finding.light == "green"
    assert finding.found == (
        "NVIDIA H100 80GB HBM3, 4 MiB of 81559 MiB used, driver 580.159.04, "
        "shared by several processes"
    )


def test_no_card_is_no_trouble(nvidia):
    nvidia(cards=0)

    assert machine_checks._gpus().light == "green"


def test_a_card_for_one_process_is_yellow(nvidia):
    nvidia(cards=2, compute_mode="Exclusive_Process")

    finding = machine_checks._gpus()

    assert finding.light == "yellow"
    assert "Exclusive_Process: not shared" in finding.found
    assert "nvidia-smi -c DEFAULT" in finding.fix


def test_a_card_in_parts_is_told(nvidia):
    nvidia(cards=1, mig=2)

    assert "shared by MIG devices, named in CUDA_VISIBLE_DEVICES" in machine_checks._gpus().found


def test_cards_that_are_hidden_are_yellow(nvidia, monkeypatch):
    nvidia(cards=1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")

    finding = machine_checks._gpus()

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

    finding = machine_checks._gpus()

    assert finding.light == "red"
    assert reason in finding.found


@pytest.mark.parametrize("there", [True, False])
def test_a_studies_folder_is_made_if_it_is_not_there(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "studies"
    if there:
        folder.mkdir()

    assert machine_checks._studies(folder, None).light == "green"
    machine_checks.try_to_write(str(folder))


def test_a_record_that_is_missing_is_red(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "driver.lock").touch()

    finding = machine_checks._studies(tmp_path, None)

    assert finding.light == "red"
    assert "record.db is missing" in finding.found


@pytest.fixture
def store(tmp_path: Path) -> str:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow())
    return f"sqlite:///{tmp_path}/mlflow.db"


def test_a_store_that_takes_what_is_delivered_is_green(tmp_path: Path, store: str) -> None:
    assert machine_checks._tracking(store, ["curve"]).light == "green"
    assert machine_checks._tracking(f"sqlite:///{tmp_path}/new.db", ["curve"]).light == "green"
    assert not (tmp_path / "new.db").exists()


def test_a_deleted_experiment_is_red_with_the_way_to_bring_it_back(store: str) -> None:
    client = MlflowClient(store)
    number = client.create_experiment("curve")
    client.delete_experiment(number)

    finding = machine_checks._tracking(store, ["curve"])

    assert finding.light == "red"
    assert f"mlflow experiments restore --experiment-id {number}" in finding.found
    assert machine_checks._tracking(store, ["another"]).light == "green"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b"You are not authenticated", r"refuses this user \(401\): set MLFLOW_TRACKING_USER"),
        (403, b'{"error_code": "PERMISSION_DENIED"}', "refuses this user.*credentials"),
        (503, b"busy", "does not answer: (too many 503|failed with error code 503)"),
        (429, b"slow down", "does not answer: (too many 429|failed with error code 429)"),
        (200, b"<!DOCTYPE html><html>log in</html>", "answers with a web page, not as MLflow does"),
        (None, b"", "does not answer: (Connection aborted|Remote end closed)"),
    ],
)
def test_what_a_server_answers_is_told_with_the_way_out(status, body, told) -> None:
    """It is well by /health, which asks for no password."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/health"):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"OK")
                return
            if status is None:
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        finding = machine_checks._tracking(f"http://127.0.0.1:{server.server_port}", ["curve"])
        server.shutdown()

    assert finding.light == "red"
    assert re.search(told, finding.found)
    assert "\n" not in finding.found
