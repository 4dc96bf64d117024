"""Somebody elsewhere is told: a real address on loopback, a command, and what is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from search.errors import EndedEarly, StudyLockedError, UserError
from search.tracking import notify
from search.tracking.notify import Notifier, check_target

BEST = {"event": "best", "time": 1.0, "trial": 7, "metric": "score", "value": 0.75, "config": {}}


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.told.append(json.loads(self.rfile.read(length)))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), _Hook)
    server.told, server.answer = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _url(hook: Any) -> str:
    return f"http://127.0.0.1:{hook.server_port}/T0/s3cret"


def test_an_address_is_told_of_new_bests_and_of_the_end(hook):
    with Notifier(_url(hook), "s") as notifier, notifier.telling_the_end():
        notifier.hear(BEST)
        notifier.hear({"event": "epoch", "time": 1.0})

    assert [(told["event"], told["study"], told["text"]) for told in hook.told] == [
        ("best", "s", "study s: trial 7 has score 0.7500"),
        ("finished", "s", "study s: finished"),
    ]
    assert hook.told[0]["value"] == 0.75
    assert notifier.problem == ""


@pytest.mark.parametrize(
    ("error", "event", "text"),
    [
        (EndedEarly("failed", "every trial failed"), "failed", "failed: every trial failed"),
        (EndedEarly("stopped", "asked to stop"), "stopped", "stopped: asked to stop"),
        (KeyboardInterrupt(), "interrupted", "interrupted"),
        (ValueError("a defect"), "failed", "failed: ValueError: a defect"),
    ],
)
def test_how_a_study_ended_is_told(hook, error, event, text):
    notifier = Notifier(_url(hook), "s")
    with pytest.raises(type(error)), notifier, notifier.telling_the_end():
        raise error

    assert [(told["event"], told["text"]) for told in hook.told] == [(event, f"study s: {text}")]


def test_where_another_drives_it_nothing_is_told(hook):
    notifier = Notifier(_url(hook), "s")
    with pytest.raises(StudyLockedError), notifier, notifier.telling_the_end():
        raise StudyLockedError("another has it")

    assert hook.told == []


def test_a_command_is_given_json(tmp_path: Path):
    file = tmp_path / "told"
    with Notifier(f"tee {file}", "s") as notifier:
        notifier.hear(BEST)

    assert (
        json.loads(file.read_text(encoding="utf-8"))["text"] == "study s: trial 7 has score 0.7500"
    )


def test_a_dead_address_disturbs_nothing_and_is_not_shown():
    with Notifier("http://127.0.0.1:9/s3cret", "s") as notifier:
        notifier.hear(BEST)

    assert notifier.problem.startswith("it does not answer")
    assert "s3cret" not in notifier.problem


def test_an_address_that_refuses_is_told_so(hook):
    hook.answer = 403
    with Notifier(_url(hook), "s") as notifier:
        notifier.hear(BEST)

    assert notifier.problem == "it answers 403"


def test_a_command_that_hangs_does_not_keep_the_study(monkeypatch):
    monkeypatch.setattr(notify, "AT_THE_END_S", 0.2)
    with Notifier("sleep 5", "s") as notifier:
        for _ in range(notify.WAITING + 5):
            notifier.hear(BEST)

    assert notifier.problem


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("ftp://host/x", "begins with http"),
        ("https://", "begins with http"),
        ("no-such-command-here a", "there is no command 'no-such-command-here'"),
        ("'", "a URL or a command"),
        ("", "there is no command ''"),
    ],
)
def test_what_cannot_be_told_is_refused_before_the_start(target, why):
    with pytest.raises(UserError, match=why):
        check_target(target)
