"""Before a study starts: does anything answer where its results are to go?"""

from __future__ import annotations

import http.server
import threading
from typing import Any

import pytest

from search.errors import TrackingError
from search.tracking.addresses import check_server


class _Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize("status", [200, 500, 404])
def test_a_server_answers_or_not(status, monkeypatch):
    monkeypatch.setattr(_Answer, "status", status)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        if status == 200:
            check_server(uri)
            check_server(f"{uri}/")
        else:
            with pytest.raises(TrackingError, match=f"{uri} does not answer"):
                check_server(uri)
        server.shutdown()


def test_a_local_store_is_quickly_checked(tmp_path):
    check_server(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingError, match="cannot be written"):
        check_server(f"sqlite:///{tmp_path}/no/mlflow.db")


def test_a_file_that_is_no_database_is_no_store(tmp_path):
    for content in (b"", b"SQLite format 3\0 and so on"):
        (tmp_path / "mlflow.db").write_bytes(content)
        check_server(f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db").write_text("my notes")
    with pytest.raises(TrackingError, match=r"mlflow\.db is no SQLite database"):
        check_server(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.parametrize("uri", ["", "./mlruns", "file:///tmp/mlruns", "databricks"])
def test_other_stores_are_refused_with_the_choices(uri):
    with pytest.raises(TrackingError, match=r"http://, https://, sqlite:/// or postgresql://"):
        check_server(uri)


@pytest.mark.parametrize(
    "uri", ["postgresql://me:s3cret@db.example/mlflow", "http://me:s3cret@127.0.0.1:5000"]
)
def test_a_password_is_refused_and_not_shown(uri):
    with pytest.raises(TrackingError, match=r"password in it is refused.*//…@") as refused:
        check_server(uri)
    assert "s3cret" not in str(refused.value)


def test_a_database_that_does_not_answer_is_said():
    with pytest.raises(TrackingError, match="does not answer"):
        check_server("postgresql://127.0.0.1:9/mlflow")
