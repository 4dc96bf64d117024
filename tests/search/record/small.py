"""A small study to be put on record, and a process beside this one on the same record."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from search.record.record import Record
from search.tasks.config import StudyConfig
from tests.conftest import ROOT

ORIGIN = {"code": "c", "data": "d", "versions": {"ray": "2"}, "baselines": {"zero": 0.0}}


def config(name: str) -> StudyConfig:
    return StudyConfig(name=name, task="curve", dataset="ones", fixed={"x": 0.5, "kind": "plain"})


@contextlib.contextmanager
def run_python(code: str, record: Record) -> Iterator[subprocess.Popen[str]]:
    """`python -c code FOLDER` on the same record, with its stdout to read; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(record.folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SEARCH_RECORD": record.url or ""},
    ) as process:
        try:
            yield process
        finally:
            process.kill()
