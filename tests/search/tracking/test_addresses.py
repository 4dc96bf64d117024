"""Before a study starts: does anything answer where its results are to go?"""

from __future__ import annotations

import contextlib
import http.server
import sqlite3
import threading
from typing import Any

import pytest
from mlflow import MlflowClient

from search.errors import TrackingError, UserError
from search.files.sqlite_uri import sqlite_path
from search.tasks.config import StudyConfig
from search.tracking.addresses import absolute, check_server
from search.tracking.refusals import explained
from tests.conftest import empty_mlflow


class _Answer(http.server.BaseHTTPRequestHandler):
    status = 200
    body = b"OK"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

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
    ("uri", "without"),
    [
        ("postgresql://me:s3cret@db.example/mlflow", "postgresql://me@db.example/mlflow"),
        ("http://me:s3cret@127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://s3cret@mlflow.example", "https://mlflow.example"),
        ("https://mlflow.example/?token=s3cret", "https://mlflow.example/"),
        (
            "postgresql://me@db/m?Password=s3cret&sslmode=prefer",
            "postgresql://me@db/m?sslmode=prefer",
        ),
    ],
)
def test_a_secret_is_refused_and_not_shown(uri, without):
    with pytest.raises(TrackingError, match=r"in it is refused") as refused:
        check_server(uri)
    assert f"as {without};" in str(refused.value)
    with pytest.raises(UserError, match="leave it out") as refused:
        StudyConfig(name="s", task="sts", dataset="d", tracking_uri=uri)
    assert "s3cret" not in str(refused.value)


def test_what_answers_with_a_web_page_is_no_server(monkeypatch):
    monkeypatch.setattr(_Answer, "body", b"<html>Please log in</html>")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TrackingError, match="no MLflow server: its /health says '<html>"):
            check_server(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("451aebb31d03", r"older MLflow: copy it, then `mlflow db upgrade sqlite:///\S+/m\.db`"),
        ("abcdef123456", "newer MLflow .*abcdef123456.*: install that one, or choose another"),
    ],
)
def test_a_store_of_another_mlflow_is_refused_before_the_start(tmp_path, version, told):
    path = tmp_path / "m.db"
    path.write_bytes(empty_mlflow())
    check_server(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))

    with pytest.raises(TrackingError, match=told) as refused:
        check_server(f"sqlite:///{path}")

    # And as MLflow itself says it, to who delivers.
    with pytest.raises(Exception, match="database schema") as met:
        MlflowClient(f"sqlite:///{path}").search_experiments()
    assert str(explained(f"sqlite:///{path}", met.value)) == str(refused.value)


def test_a_database_that_does_not_answer_is_said():
    with pytest.raises(TrackingError, match="does not answer"):
        check_server("postgresql://127.0.0.1:9/mlflow")


@pytest.mark.parametrize("name", ["100%20 mine", "what?", "a#b", "it's", "é"])
def test_a_store_in_a_folder_of_any_name_is_there(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    monkeypatch.setenv("HOME", str(tmp_path / name))
    here = absolute("sqlite:///mlflow.db")

    assert here == absolute("sqlite:///~/mlflow.db") == absolute(here)
    check_server(here)
    assert sqlite_path(here) == tmp_path / name / "mlflow.db"
