"""One contract for both kinds of storage: a shared folder, and a real S3 endpoint on loopback."""

from __future__ import annotations

import http.server
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from search.errors import StorageError
from search.files.storage import MANIFEST, Store, check_uri, open_store
from tests.conftest import ROOT
from tests.s3 import Endpoint
from tests.waiting import Stopwatch


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _alter(store: Store, key: str, content: bytes | None) -> None:
    """Behind the store's back; None deletes."""
    if content is None:
        store._files.delete_file(store._path(key))
    else:
        with store._files.open_output_stream(store._path(key)) as file:
            file.write(content)


def test_what_is_put_comes_back_and_can_be_deleted(store, tmp_path):
    content = os.urandom(3_000_001)  # more than one chunk
    store.check()
    store.put(_written(tmp_path / "here", content), "a/b/one.pt")
    store.put_bytes("a/b/two.pt", b"")

    assert store.get("a/b/one.pt", tmp_path / "new" / "there")
    assert (tmp_path / "new" / "there").read_bytes() == content
    assert store.get_bytes("a/b/two.pt") == b""
    assert store.keys() == store.keys("a") == ["a/b/one.pt", "a/b/two.pt"]

    store.delete("a/b/one.pt")
    assert store.keys("a/b") == ["a/b/two.pt"]
    store.delete("a")
    assert store.keys() == []
    store.delete("a")


def test_a_name_is_not_a_prefix_of_another(store):
    store.put_bytes("trial-1/x", b"1")
    store.put_bytes("trial-10/x", b"10")

    assert store.keys("trial-1") == ["trial-1/x"]
    store.delete("trial-1")
    assert store.get_bytes("trial-10/x") == b"10"


def test_the_last_writing_stands(store, tmp_path):
    store.put_bytes("x", b"first")
    store.put_bytes("x", b"2nd")

    assert store.get("x", _written(tmp_path / "x", b"older"))
    assert (tmp_path / "x").read_bytes() == b"2nd"


def test_what_is_not_there_is_not_fetched(store, tmp_path):
    assert not store.get("none", tmp_path / "none")
    assert store.get_bytes("none") is None
    assert store.keys("none") == []
    assert [path.name for path in tmp_path.iterdir() if path.name != "shared"] == []


@pytest.mark.parametrize(
    ("which", "content"),
    [
        ("x", b"conten"),  # torn
        ("x", b"Content"),  # altered
        ("x", None),
        ("x" + MANIFEST, None),  # the upload was cut before it
        ("x" + MANIFEST, b'{"bytes": 7, "sha'),
        ("x" + MANIFEST, b"[]"),
        ("x" + MANIFEST, b"\xff"),
    ],
)
def test_torn_or_altered_it_is_as_good_as_not_there(store, tmp_path, which, content):
    store.put_bytes("x", b"content")
    _alter(store, which, content)

    assert not store.get("x", _written(tmp_path / "x", b"what was here"))
    assert store.get_bytes("x") is None
    assert (tmp_path / "x").read_bytes() == b"what was here"
    assert not list(tmp_path.glob("*.partial"))


def test_another_process_opens_the_same(store):
    store.put_bytes("x", b"1")

    assert pickle.loads(pickle.dumps(store)).get_bytes("x") == b"1"


def test_an_upload_killed_halfway_leaves_the_one_before(store, tmp_path):
    """kill -9 at a random moment, many times: what comes back was put whole, or nothing does."""
    store.put_bytes("x", b"0" * 10)
    code = (
        "import sys; from search.files.storage import open_store\n"
        "store = open_store(sys.argv[1]); store.get_bytes('x'); print(flush=True)\n"
        "for n in range(10**6): store.put_bytes(f'big{n % 2}', b'%d' % (n % 10) * (1 << 22))"
    )
    for delay_s in (0.02, 0.05, 0.09):
        with subprocess.Popen(
            [sys.executable, "-c", code, store.uri], stdout=subprocess.PIPE, cwd=ROOT
        ) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(delay_s)
            writer.send_signal(signal.SIGKILL)
        for key in ("big0", "big1"):
            content = store.get_bytes(key)
            assert content is None or (len(content) == 1 << 22 and len(set(content)) == 1)
    assert store.get_bytes("x") == b"0" * 10


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("shared", "absolute path or s3://BUCKET/PREFIX, got 'shared'"),
        ("", "got ''"),
        ("/a/../b", "absolute path"),
        ("gs://bucket/x", "got 'gs://bucket/x'"),
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3://Bucket/x", "got 's3://Bucket/x'"),
        ("s3://bucket/a//b", "s3://BUCKET/PREFIX"),
        ("s3://bucket/../b", "s3://BUCKET/PREFIX"),
        ("s3://AKIA1:hunter2@bucket/x", "no credentials"),
        ("s3://bucket/x?secret_key=hunter2", "no credentials"),
    ],
)
def test_other_addresses_are_refused(uri, message):
    with pytest.raises(StorageError) as refused:
        open_store(uri)

    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_address_is_written_in_one_way():
    assert check_uri("/a/b/") == "/a/b"
    assert check_uri("s3://bucket/a/") == "s3://bucket/a"
    assert check_uri("s3://bucket/") == check_uri("s3://bucket") == "s3://bucket"


def _refused(uri: str) -> str:
    with pytest.raises(StorageError) as refused:
        Store(uri).check()
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"storage {uri}: ")
    return str(refused.value).partition(": ")[2]


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    assert _refused(f"{tmp_path}/none") == "it does not exist on this machine"
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    assert _refused("/proc/self") in (
        "No such file or directory",
        "it does not exist on this machine",
    )
    _written(tmp_path / "file", b"")
    assert _refused(f"{tmp_path}/file") == "it does not exist on this machine"


def test_no_such_bucket(s3: Endpoint):
    assert _refused("s3://nobody-made-this/x") == "there is no such bucket"


def test_an_endpoint_that_does_not_answer(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    stopwatch = Stopwatch()

    assert _refused("s3://bucket/x") == "its endpoint does not answer"
    assert stopwatch.within(15)


def test_an_endpoint_that_takes_the_call_and_is_silent(monkeypatch):
    monkeypatch.setattr("search.files.storage.STALL_TIMEOUT_S", 1.0)
    monkeypatch.setattr("search.files.storage.ATTEMPTS", 1)
    stopwatch = Stopwatch()
    with socket.create_server(("127.0.0.1", 0), backlog=20) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")

        assert _refused("s3://bucket/x") == "its endpoint does not answer"
    assert stopwatch.within(30)


def test_wrong_credentials(s3: Endpoint, monkeypatch):
    with s3.guarded():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7WRONGID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        message = _refused(s3.uri("guarded"))
        assert "wrong credentials" in message
        assert "hunter2" not in message


class _Denies(http.server.BaseHTTPRequestHandler):
    """What S3 answers where there are no credentials; moto's server knows no such case."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.end_headers()
        self.wfile.write(
            b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        )


@pytest.mark.parametrize(("key", "message"), [("", "AWS_ACCESS_KEY_ID is not set"), ("A", "wrong")])
def test_no_credentials(s3: Endpoint, monkeypatch, key, message):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    if key:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    with http.server.HTTPServer(("127.0.0.1", 0), _Denies) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")

        refused = _refused("s3://bucket/x")

        server.shutdown()
    assert refused.startswith("access denied")
    assert message in refused
