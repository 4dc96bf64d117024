"""A real S3 endpoint on loopback: moto's server, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from tests.waiting import wait_until

BUCKET = "bucket"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


class Endpoint:
    """Where it answers, and what is set for who is to use it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.env = {**ENVIRONMENT, "AWS_ENDPOINT_URL": self.url}

    def uri(self, prefix: str) -> str:
        return f"s3://{BUCKET}/{prefix}"

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Credentials are looked at: nobody's are right."""
        self._post("/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self._post("/moto-api/reset-auth", b"inf")

    def makes_its_bucket(self) -> bool:
        try:
            self.ask(f"/{BUCKET}", "PUT")
            return True
        except OSError:
            return False

    def _post(self, path: str, content: bytes) -> None:
        self.ask(path, "POST", content)

    def ask(self, path: str, method: str = "GET", content: bytes | None = None) -> None:
        plain = {"Content-Type": "text/plain"}  # a form's content would not reach moto's API
        request = urllib.request.Request(self.url + path, content, plain, method=method)
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5)


@contextlib.contextmanager
def endpoint() -> Iterator[Endpoint]:
    """One, with an empty bucket, for as long as it is needed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "inf"},
    )
    try:
        made = Endpoint(port)
        wait_until(made.makes_its_bucket, "moto's server does not answer", process=server)
        yield made
    finally:
        server.kill()
        server.wait()
