"""A place to type commands in: a folder of its own, no cache, no home, no network."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from search.record.record import Record, open_record
from tests.postgres import PostgresServer, postgres_server
from tests.s3 import Endpoint, endpoint
from tests.waiting import HANGS_S

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:9"  # nothing listens at the discard port

# Tests run side by side, and a pool of threads that waits for a core burns the one it has.
THREADS = "OMP_NUM_THREADS"
os.environ.setdefault(THREADS, "1")

# `--hypothesis-profile=long` takes its place
hypothesis.settings.register_profile("default", max_examples=100, deadline=None)
hypothesis.settings.register_profile("long", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    choice = parser.getgroup("selection", "which tests run (by default those not long)")
    choice.addoption("--rest", action="store_true", help="only the long tests")
    choice.addoption("--everything", action="store_true", help="the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`pytest` and `pytest --rest` share all tests between them: each runs in one of the two."""
    if not config.getoption("everything"):
        rest = config.getoption("rest")
        chosen = [item for item in items if (item.get_closest_marker("long") is not None) == rest]
        left = [item for item in items if (item.get_closest_marker("long") is not None) != rest]
        config.hook.pytest_deselected(items=left)
        items[:] = chosen
    # Files that start commands take longest: begun last, one would run on alone at the end.
    longest = {item.path for item in items if "place" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in longest)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """A cluster of hosts has both cores: what other processes of this checkout test waits."""
    alone = item.get_closest_marker("cluster") is not None
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return (yield)


@functools.cache
def empty_mlflow() -> bytes:
    """An MLflow store as its first client leaves it, which takes that one 4-9 s."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "mlflow.db"
        MlflowClient(f"sqlite:///{store}").search_experiments()
        return store.read_bytes()


class Place:
    """A working folder, and commands run in it as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        (self.folder / "mlflow.db").write_bytes(empty_mlflow())
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "SEARCH_CACHE_DIR": str(folder / "cache"),
            "http_proxy": NOWHERE,
            "https_proxy": NOWHERE,
            "no_proxy": "127.0.0.1,localhost",
        }
        for name in ("SEARCH_DATA_DIR", "RAY_AUTH_TOKEN_PATH", THREADS):
            self.env.pop(name, None)

    @property
    def record(self) -> Record:
        url = self.env.get("SEARCH_RECORD")
        return open_record(self.folder / "studies", url=url, create=True)

    def start(
        self, *arguments: str, module: str = "search", **options: Any
    ) -> subprocess.Popen[str]:
        """`python -m search ARGUMENTS`, in a process group of its own, as a shell does it."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.env,
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def search(
        self, *arguments: str, timeout_s: float = HANGS_S, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The same, run to its end; killed if it takes longer."""
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout_s)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def together(self, *commands: tuple[str, ...], timeout_s: float = HANGS_S) -> list[str]:
        """Several at once, each to a good end; what each printed."""
        printed = []
        with contextlib.ExitStack() as stack:
            for process in [stack.enter_context(self.start(*command)) for command in commands]:
                stack.callback(process.kill)
                out, err = process.communicate(timeout=timeout_s)
                assert process.returncode == 0, err
                printed.append(out)
        return printed


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test where the Debian package of a program, of the same name, is not installed."""
    reason = f"{program} is not installed (Debian: apt-get install {program})"
    return pytest.mark.skipif(shutil.which(program) is None, reason=reason)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


@pytest.fixture
def s3(s3_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """An S3 endpoint on loopback; this process, and what it starts, may use it."""
    for name, value in s3_endpoint.env.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, started for the first test that wants one."""
    with postgres_server() as server:
        yield server


@pytest.fixture(autouse=True)
def training_process_ends_with_its_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that plays a worker locks the test split, and hides the GPUs: only till its end."""
    monkeypatch.setattr("trainables.test_split_lock._kept_locked", False)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    yield
    if visible is None:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Where SEARCH_NO_SKIPS is set (.ci/run), a test that skips for want of a tool fails."""
    report: pytest.TestReport = yield
    allowed = item.get_closest_marker("gpu") is not None or hasattr(report, "wasxfail")
    if report.skipped and os.environ.get("SEARCH_NO_SKIPS") and not allowed:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report
