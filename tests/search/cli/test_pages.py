"""`ui`, which becomes a real MLflow server."""

from __future__ import annotations

import os
import signal
import socket

import pytest

import search
from search.errors import TrackingError, UserError
from search.tracking.addresses import check_server
from search.tracking.page import has_browser
from search.tracking.projection import Projection
from tests.conftest import Place
from tests.curve_task import TASK
from tests.search.cli.finished import finished_study
from tests.waiting import wait_until


@pytest.mark.long
def test_it_opens_the_page_of_a_study_once_its_server_answers(place: Place) -> None:
    uri = f"sqlite:///{place.folder}/mlflow.db"
    study = finished_study(place, tracking_uri=uri)
    refused = place.search("ui", "old")
    assert refused.returncode == 2
    assert "study old is not in MLflow" in refused.stderr
    Projection(place.record, study, TASK).deliver()
    opened, browser = place.folder / "opened", place.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    place.env["BROWSER"] = str(browser)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with place.start("ui", "old", "--port", str(port), stderr=None) as server:
        try:
            assert server.stdout is not None
            told = server.stdout.readline().split()[-1]
            wait_until(opened.exists, "not opened", process=server)
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # its worker, too
    assert told.startswith(f"http://127.0.0.1:{port}/#/experiments/")
    assert opened.read_text().strip() == told


@pytest.mark.long
def test_a_notebook_has_it_served_until_it_stops_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    uri = f"sqlite:///{place.folder}/mlflow.db"
    finished_study(place, tracking_uri=uri)
    study = search.load("old", task=TASK, studies_dir=place.folder / "studies").sync()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines: list[str] = []
    server = study.ui(port=port, say=lines.append)
    try:
        assert lines == [f"study old: {server.url}{study.pages().study}"]
        check_server(server.url)
        with pytest.raises(UserError, match="try another port"):
            study.ui(port=port)
    finally:
        server.stop()
    with pytest.raises(TrackingError):
        check_server(server.url)


def test_where_nothing_shows_windows_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not has_browser()
