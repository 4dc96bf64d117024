"""Studies on a real Ray cluster of this machine: a head, and nodes that come and go."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
import requests

from search.decisions.history import History, Trial
from tests.conftest import ROOT, Place
from tests.waiting import HANGS_S, Stopwatch, wait_until

pytestmark = pytest.mark.long

CURVE = "tests.curve_task:TASK"
FAST = ("--no-baseline", "--quiet", "--set", "epoch_s=0.3")

SEVERAL = """
import dataclasses
import os

from tests import curve_task


def train(*arguments, **options):
    for epoch in curve_task.train(*arguments, **options):
        gpus = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        yield dataclasses.replace(epoch, metrics={**epoch.metrics, "gpus": float(len(gpus))})


TASK = dataclasses.replace(curve_task.TASK, name="several", train=train, most_gpus=2)
"""


@dataclasses.dataclass
class Head:
    """A head of one core and two (imagined) GPUs, and where commands reach it."""

    place: Place
    address: str
    cluster: str

    @contextlib.contextmanager
    def node(self, cpus: int) -> Iterator[subprocess.Popen[bytes]]:
        """A further node, which is gone when the block ends."""
        ports = {name: str(_free_port()) for name in ("dashboard-agent-listen-port",)}
        with _ray(self.place, "--address", self.address, cpus, ports) as process:
            yield process


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    place = Place(tmp_path_factory.mktemp("cluster"))
    port, dashboard = _free_port(), _free_port()
    cluster = f"http://127.0.0.1:{dashboard}"
    token = place.folder.parent / ".ray" / "auth_token"
    token.parent.mkdir()
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    for name in [name for name in place.env if name.startswith(("RAY_", "TUNE_"))]:
        del place.env[name]  # importing search/ set them for a Ray of our own
    place.env["RAY_worker_niceness"] = "0"  # other programs must not decide how long it takes
    place.env |= {"RAY_AUTH_MODE": "token", "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
    ports = {
        "port": str(port),
        "dashboard-port": str(dashboard),
        "dashboard-agent-listen-port": str(_free_port()),
        "ray-client-server-port": str(_free_port()),
        "num-gpus": "2",
        "temp-dir": f"/tmp/ray-{secrets.token_hex(4)}",  # a socket's path is short
    }
    place.env |= {
        "SEARCH_STUDIES_DIR": str(place.folder / "studies"),
        "SEARCH_TRACKING_URI": f"sqlite:///{place.folder}/mlflow.db",
    }
    theirs = {"SEARCH_ADDRESS": f"127.0.0.1:{port}"}
    agent = f"http://127.0.0.1:{ports['dashboard-agent-listen-port']}"
    with _ray(place, "--head", "", 1, ports, theirs) as process:
        wait_until(lambda: _healthy(f"{cluster}/api/gcs_healthz", process))
        wait_until(lambda: _healthy(f"{agent}/api/local_raylet_healthz", process))
        yield Head(place, f"127.0.0.1:{port}", cluster)
    shutil.rmtree(ports["temp-dir"], ignore_errors=True)


def test_a_study_is_handed_over_watched_and_stopped_from_elsewhere(head):
    there = ("--cluster", head.cluster)
    told = head.place.search("submit", CURVE, "--name", "far", "--trials", "30", *FAST, *there)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "study far runs on the cluster" in told.stdout

    shown = head.place.search("show", "far", "--json", *there)
    assert shown.returncode == 0
    assert json.loads(shown.stdout.splitlines()[-1])["state"] == "running"
    assert head.place.search("stop", "far", "--now", *there).returncode == 0
    wait_until(lambda: _history(head, "far").last_session.event == "stopped")

    told = head.place.search("resume", "far", *there)
    assert told.returncode == 0, told.stdout + told.stderr
    wait_until(lambda: len(_history(head, "far").spans) == 2)
    refused = head.place.search("show", "nobody", *there)
    assert refused.returncode == 2
    assert "no study named 'nobody'" in refused.stdout + refused.stderr
    assert head.place.search("stop", "far", "--now", *there).returncode == 0
    wait_until(lambda: _history(head, "far").last_session.event == "stopped")


def test_nodes_that_come_are_used_and_nodes_that_go_lose_nothing(head):
    run = ("run", CURVE, "--name", "elastic", "--trials", "300", "--workers", "3")
    slow = ("--no-baseline", "--quiet", "--set", "epoch_s=1")
    with head.place.start(*run, *slow, "--address", head.address) as driver:
        wait_until(lambda: _epochs(head, "elastic") > 0)
        assert len(_history(head, "elastic").open_trials()) == 1
        with head.node(cpus=2) as joined:
            stopwatch = Stopwatch()
            wait_until(lambda: len(_history(head, "elastic").open_trials()) == 3)
            assert stopwatch.within(30)
            wait_until(lambda: _training_on(joined) == 2)
            _kill_raylet(joined)
            wait_until(lambda: len(_hit(head)) == 2)
        wait_until(
            lambda: all(trial.epochs[-1].attempt == 1 for trial in _hit(head) if trial.epochs)
        )
        wait_until(lambda: all(trial.epochs for trial in _hit(head)))
        assert head.place.search("stop", "elastic", "--now").returncode == 0
        said = driver.communicate(timeout=HANGS_S)
    assert driver.returncode == 0, said
    for trial in _hit(head):
        (failure,) = trial.failures
        assert failure.reason == "its machine went away"
        assert not failure.counts
        assert not failure.final


def test_gpus_are_shared_and_more_than_there_are_is_refused(head):
    run = ("run", CURVE, "--trials", "4", *FAST, "--address", head.address)
    told = head.place.search(*run, "--name", "gpus", "--gpus-per-trial", "0.25")
    assert told.returncode == 0, told.stderr
    _refused(head, *run, "--gpus-per-trial", "3", says="a node of the cluster has (at most 2)")
    _refused(head, *run, "--cpus-per-trial", "9", says="the most cores that one has are 1")


def test_a_task_that_uses_several_gpus_itself_sees_those_it_is_given(head):
    (head.place.folder / "several.py").write_text(SEVERAL)
    run = ("run", "several:TASK", "--name", "several", "--trials", "1", *FAST)

    told = head.place.search(*run, "--gpus-per-trial", "2", "--address", head.address)

    assert told.returncode == 0, told.stderr
    (trial,) = _history(head, "several").trials
    assert {epoch.metrics["gpus"] for epoch in trial.epochs} == {2.0}


def test_what_is_no_cluster_of_ours_is_refused_in_one_line(head, tmp_path):
    run = ("run", CURVE, "--trials", "1")
    gone = f"127.0.0.1:{_free_port()}"
    _refused(head, *run, "--address", gone, says=f"no Ray cluster answers at {gone}")
    _refused(head, *run, "--address", f"ray://{gone}", says="--address is the HOST:PORT")
    _refused(head, *run, "--address", f"{head.address}1", says="no Ray cluster answers")
    submit = ("submit", CURVE, "--trials", "1", "--cluster")
    _refused(head, *submit, f"http://{gone}", says="no cluster to be used at")
    _refused(head, *submit, gone, says="--cluster is the address of a head's job server")

    stranger = Place(tmp_path)
    stranger.env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "other")}
    _refused(stranger, *run, "--address", head.address, says="it refuses this token")
    _refused(stranger, *submit, head.cluster, says="it refuses this token")


def test_a_node_that_differs_is_named_before_the_first_trial(head):
    """Another checkout on a node, and a folder that it does not see: told by the node itself."""
    program = ROOT / "tests" / "search" / "machines" / "examine_nodes.py"
    done = subprocess.run(
        [sys.executable, str(program), head.address],
        env=head.place.env, cwd=head.place.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    host = socket.gethostname()
    same, code, folder = done.stdout.splitlines()
    assert same == "fit"
    assert re.match(rf"node {host} \([\d.]+\) cannot run trials: it has other versions", code)
    assert "code other" in code
    assert re.match(rf"node {host} \([\d.]+\) cannot run trials: /nowhere", folder)
    assert folder.endswith("trials on several machines need --storage")


def _refused(where: Head | Place, *arguments: str, says: str) -> None:
    place = where.place if isinstance(where, Head) else where
    told = place.search(*arguments)
    said = told.stdout + told.stderr
    assert told.returncode == 2, said
    assert says in said
    assert "Traceback" not in said


def _history(head: Head, name: str) -> History:
    record = head.place.record
    if name not in [study.name for study in record.studies()]:
        return History()
    return record.history(record.study(name))


def _epochs(head: Head, name: str) -> int:
    return sum(trial.epoch for trial in _history(head, name).trials)


def _hit(head: Head) -> list[Trial]:
    """The trials whose process was lost."""
    return [trial for trial in _history(head, "elastic").trials if trial.failures]


@contextlib.contextmanager
def _ray(
    place: Place,
    role: str,
    address: str,
    cpus: int,
    options: dict[str, str],
    env: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """`ray start --block`, and its processes ended with the block: those only."""
    command = [f"{sys.prefix}/bin/ray", "start", role, *([address] if address else [])]
    command += ["--node-ip-address", "127.0.0.1", "--num-cpus", str(cpus), "--block"]
    command += ["--object-store-memory", "100000000", "--disable-usage-stats"]
    command += [text for name, value in options.items() for text in (f"--{name}", value)]
    log = (place.folder / f"ray{role}-{cpus}.log").open("wb")
    process = subprocess.Popen(
        command, cwd=ROOT, env={**place.env, **(env or {})}, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        family = (
            [process, *psutil.Process(process.pid).children(recursive=True)]
            if (process.poll() is None)
            else []
        )
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        for member in family:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                member.kill()
        process.wait()


def _training_on(node: subprocess.Popen[bytes]) -> int:
    """How many of its processes train now."""
    busy = 0
    for process in psutil.Process(node.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            busy += "SegmentTrainable.train" in " ".join(process.cmdline())
    return busy


def _kill_raylet(node: subprocess.Popen[bytes]) -> None:
    (raylet,) = [
        child
        for child in psutil.Process(node.pid).children(recursive=True)
        if child.name() == "raylet"
    ]
    os.kill(raylet.pid, signal.SIGKILL)


def _healthy(url: str, node: subprocess.Popen[bytes]) -> bool:
    assert node.poll() is None, "ray start has ended; its log is in the cluster's folder"
    try:
        return requests.get(url, timeout=5).text.strip() == "success"
    except requests.RequestException:
        return False


def _free_port() -> int:
    """Below those that the kernel gives to others: Ray opens many before it comes to this one."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
