"""A study in the tools that people have, each a real server, looked at in a real browser."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from search.cli.main import main
from search.decisions.history import Event, Suggestion
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from search.tracking.export import export
from search.tracking.page import pages_of
from search.tracking.projection import Projection
from tests.browser import chromium
from tests.conftest import needs
from tests.curve_task import TASK
from tests.mlflow_server import MlflowServer
from tests.search.studies import epoch, failure, segment, session
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, needs("chromium")]

TRIALS, PRUNED = 8, 3  # the last of them has failed
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1600, "height": 1400})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    started = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return open_record(tmp_path_factory.mktemp("record"), create=True)


@pytest.fixture(scope="module")
def study(record: Record, server: MlflowServer) -> Study:
    config = StudyConfig(name="seen", task="tests.curve_task:TASK", dataset="ones", max_epochs=3,
                         trials=TRIALS, tracking_uri=server.uri)  # fmt: skip
    origin = {"baselines": {"zero": 0.1}, "data": "d" * 64, "examples": 50}
    made = record.create(config, origin)
    record.append(made, session("started", TRIALS), *_events(), session("finished", TRIALS))
    Projection(record, made, TASK).deliver()
    return made


def _events() -> list[Event]:
    """Trials with a hyperparameter that not all have; the last fails in its first epoch."""
    events: list[Event] = []
    draws = random.Random(1)
    for number in range(TRIALS):
        drawn: dict[str, Any] = {"x": draws.random(), "kind": ["plain", "bumpy"][number % 2]}
        if drawn["kind"] == "bumpy":
            drawn["bump"] = draws.random()
        events.append(Suggestion(trial=number, config=drawn, seed=number, source="tpe"))
        last = 1 if number < PRUNED else 3
        events.append(segment(number, 1, last))
        if number == TRIALS - 1:
            events.append(failure(number, 1))
        else:
            events += [epoch(number, at, draws.random()) for at in range(1, last + 1)]
    return events


def test_mlflow_lists_a_study_with_its_trials_and_compares_five(
    page: Page, server: MlflowServer, study: Study
) -> None:
    pages = pages_of(study, TASK, server.uri)
    page.goto(f"{server.uri}{pages.study}")
    page.get_by_text("What won?").first.wait_for()
    page.get_by_text("Child runs").first.wait_for()
    page.get_by_text("seen-0").first.wait_for()
    page.get_by_text("ones (").first.wait_for()

    page.goto("about:blank")
    page.goto(f"{server.uri}{pages.trials}")
    page.get_by_text(f"{TRIALS} matching runs").wait_for()
    for number in range(3, 8):
        page.get_by_text(f"seen-{number}", exact=True).first.wait_for()
        row = page.locator(".ag-row", has=page.get_by_text(f"seen-{number}", exact=True))
        index = row.first.get_attribute("row-index")
        page.locator(f".ag-row[row-index='{index}'] input[type=checkbox]").first.check(force=True)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("Comparing 5 Runs from 1 Experiment").wait_for()


def test_parallel_coordinates_are_drawn_over_all_trials(
    page: Page, server: MlflowServer, record: Record, study: Study
) -> None:
    runs = Projection(record, study, TASK)
    identities = [runs.run_id(number) for number in range(TRIALS)]
    query = urllib.parse.urlencode(
        {"runs": json.dumps(identities), "experiments": json.dumps([runs.run().experiment])},
        quote_via=urllib.parse.quote,
    )
    page.goto(f"{server.uri}/#/compare-runs?{query}")
    page.get_by_text(f"Comparing {TRIALS} Runs").wait_for()
    chart = page.locator(".parcoords")
    for name in ("x", "kind", "bump", "score"):
        chart.get_by_text(name, exact=True).first.wait_for()


def test_ui_tells_the_addresses_of_a_server_that_is_there(
    server: MlflowServer, record: Record, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--studies-dir", str(record.folder))
    assert main(["ui", study.name, "--no-open", *where]) == 0
    said = capsys.readouterr().out
    assert f"study seen: {server.uri}{pages_of(study, TASK, server.uri).study}" in said


@contextlib.contextmanager
def dashboard(address: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [str(program), address, "--port", str(port), "--server", "wsgiref"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(port), "no answer", process=process, every_s=0.2)
            yield f"http://127.0.0.1:{port}/dashboard"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_optuna_dashboard_shows_the_exported_study(
    page: Page, record: Record, study: Study, tmp_path: Path
) -> None:
    address = f"sqlite:///{tmp_path}/x.db"
    export(record, study, TASK, f"optuna:{address}", output=None, say=str)
    with dashboard(address) as url:
        page.goto(f"{url}/studies/1/trials")
        page.get_by_text("Pruned").first.wait_for()
        assert page.get_by_text("Pruned", exact=True).count() >= PRUNED
        assert page.get_by_text("Fail", exact=True).count() >= 1
        page.goto(f"{url}/studies/1/trials?numbers=4")
        page.get_by_text("Intermediate", exact=False).first.wait_for()
        page.get_by_text("kind", exact=False).first.wait_for()
