"""The settings of infra/services: which count as others, and which are refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.infra.services import PROGRAM

FINGERPRINTS = """
import os, sys
from pathlib import Path
from head_services.keeper import fingerprint
from head_services.settings import STATE, make_folders

sys.prefix = str(STATE)
make_folders()
print(fingerprint("mlflow"))
print(fingerprint("mlflow"))
os.environ["AWS_SECRET_ACCESS_KEY"] = "another"
print(fingerprint("mlflow"))
Path(sys.prefix, "installed").write_text("other versions")
print(fingerprint("mlflow"))
"""


def test_keys_and_what_is_installed_are_settings_too(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(PROGRAM.parent), "SEARCH_STATE": str(tmp_path)}
    python = [sys.executable, "-c", FINGERPRINTS]

    prints = subprocess.run(python, env=env, capture_output=True, text=True, check=True)

    first, again, *others = prints.stdout.split()
    assert first == again
    assert len({first, *others}) == 3


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SEARCH_RECORD", "postgresql://search@10.0.0.1:5432/search", "without a password"),
        ("SEARCH_RECORD", "postgresql://search:pw@127.0.0.1:5432/search", "without a password"),
        ("SEARCH_RECORD", "postgresql://search@127.0.0.1/search", "must name a port"),
        ("SEARCH_TRACKING_URI", "http://0.0.0.0:5000", "must be http://127.0.0.1:PORT"),
    ],
)
def test_what_would_be_open_to_others_is_refused(tmp_path, variable, value, message):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "start"],
        env={**os.environ, "SEARCH_STATE": str(tmp_path), variable: value},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "pw" not in done.stderr
