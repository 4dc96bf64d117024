"""Machines on one machine: each with its own processes, files in /tmp, /run and home, and network.

A laptop, a head and two workers, wired to a bridge that lies in the laptop's network. Nothing of
them is in the machine's own network or process list's parents: a host is one process tree in
namespaces of its own, whose first process ends with its standard input. So whatever happens to the
test, its end is the end of all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tests.waiting import Stopwatch
from trainables.data import find

__all__ = ["HOME", "STATE", "Host", "Hosts", "hosts", "until", "why_not"]

HOME, STATE = Path("/srv/home"), Path("/srv/state")  # in every host
NETWORK = "10.77.0"  # within the hosts' namespaces only
NAMES = ("laptop", "head", "worker1", "worker2")  # NETWORK.1 and on
PROGRAMS = ("ip", "nsenter", "rsync", "ssh", "sshd", "unshare")


def why_not() -> str:
    """Why no hosts can be made here; empty if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "hosts of their own need root and Linux's namespaces"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    if missing:
        return f"not installed: {', '.join(missing)} (.ci/run names the packages)"
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork"]
    bridge = ["ip", "link", "add", "name", "b", "type", "bridge"]
    tried = subprocess.run([*namespaces, *bridge], capture_output=True, text=True)
    return f"no network namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


# Hosts compute as this machine does.
_COMPUTES = {name: v for name, v in os.environ.items() if name.startswith("OPENBLAS_")}


class Host:
    """One of them. Commands in it run as root, at home, in a login's environment."""

    def __init__(self, name: str, address: str, world: Path) -> None:
        self.name, self.address, self.world = name, address, world
        self.env = dict(_COMPUTES) | {"PYTHONPATH": str(HOME / "search")}
        data = find("stsbenchmark")
        kept = [sys.prefix, sys.base_prefix, str(ROOT), *([str(data.parent)] if data else [])]
        script = [str(Path(__file__).with_name("host.sh")), name, str(world), sys.prefix, *kept]
        apart = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        self._first = subprocess.Popen(
            ["unshare", *apart, "bash", *script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(world / "host.log").open("w"),
            text=True,
        )

    def ready(self) -> None:
        assert self._first.stdout is not None
        line = self._first.stdout.readline()
        assert line == "ready\n", (self.world / "host.log").read_text()

    @property
    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        return psutil.Process(self._first.pid).children()[0].pid

    def start(self, command: str, **options: Any) -> subprocess.Popen[str]:
        """A shell command in it, begun."""
        env = {"HOME": str(HOME), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.env}
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        shell = ["bash", "-c", f"cd {HOME}\n{command}"]
        return subprocess.Popen([*inside, *shell], env=env, text=True, **{**pipes, **options})

    def run(
        self, command: str, *, timeout_s: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The same, run to its end."""
        with self.start(command) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise AssertionError(f"{self.name}: {command}: {error}\n{error.output}") from None
        code = process.returncode
        assert not check or code == 0, (
            f"{self.name}: {command}: {code}\n{out[-6000:]}\n{err[-6000:]}"
        )
        return subprocess.CompletedProcess(command, code, out, err)

    def python(self, code: str, **options: Any) -> str:
        """What a Python program prints in it."""
        return self.run(f"~/venv/bin/python -c {shlex.quote(code)}", **options).stdout

    def processes(self) -> list[psutil.Process]:
        """All in it, but its first and its SSH server's."""
        found, mine = [], os.readlink(f"/proc/{self.pid}/ns/pid")
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(OSError, psutil.Error):
                if os.readlink(f"/proc/{process.pid}/ns/pid") != mine or process.pid == self.pid:
                    continue
                if process.info["name"] != "sshd" and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def process(self, words: str) -> psutil.Process:
        """The oldest one whose command line has these words."""
        found, lines = [], []
        for process in self.processes():
            # One that has just ended has no command line.
            with contextlib.suppress(psutil.NoSuchProcess):
                lines.append(" ".join(process.cmdline()))
                if words in lines[-1]:
                    found.append(process)
        assert found, (words, lines)
        return min(found, key=lambda process: process.create_time())

    def kill(self, words: str) -> int:
        """kill -9, as a machine's memory killer does; the process id, as this machine counts."""
        process = self.process(words)
        process.send_signal(signal.SIGKILL)
        return process.pid

    def end(self) -> None:
        assert self._first.stdin is not None
        self._first.stdin.close()
        try:
            self._first.wait(10)
        except subprocess.TimeoutExpired:
            self._first.kill()  # and --kill-child its first process
            self._first.wait()
        assert self._first.stdout is not None
        self._first.stdout.close()


class Hosts:
    """The four, wired."""

    def __init__(self, folder: Path) -> None:
        self.all = {
            name: Host(name, f"{NETWORK}.{n}", _world(folder / name, name == "laptop", folder))
            for n, name in enumerate(NAMES, start=1)
        }
        self.laptop, self.head, self.worker1, self.worker2 = self.all.values()

    def wire(self) -> None:
        for host in self.all.values():
            host.ready()
        self.laptop.run("ip link add bridge type bridge && ip link set bridge up")
        self.laptop.run(f"ip addr add {self.laptop.address}/24 dev bridge")
        for host in list(self.all.values())[1:]:
            # From here into two namespaces: this machine's own network never sees the wire.
            wire = (
                f"link add {host.name} netns {self.laptop.pid} type veth peer eth0 netns {host.pid}"
            )
            subprocess.run(["ip", *wire.split()], check=True)
            self.reconnect(host)
            host.run(f"ip addr add {host.address}/24 dev eth0 && ip link set eth0 up")
            host.run(f"ip route add default via {self.laptop.address}")

    def disconnect(self, host: Host) -> None:
        """Pull its cable out."""
        self.laptop.run(f"ip link set {host.name} down")

    def reconnect(self, host: Host) -> None:
        self.laptop.run(f"ip link set {host.name} master bridge up")


@contextlib.contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """The four, for the block's length; nothing of them is left after it."""
    made = Hosts(folder)
    try:
        made.wire()
        yield made
    finally:
        for host in reversed(made.all.values()):
            host.end()


def until(true: Any, seconds: float, what: str, *, every_s: float = 0.5) -> Any:
    """The first true answer; AssertionError after so many seconds in which programs had a core."""
    stopwatch = Stopwatch()
    while not (answer := true()):
        assert stopwatch.within(seconds), f"not within {seconds} s: {what}"
        time.sleep(every_s)
    return answer


def _world(folder: Path, is_laptop: bool, common: Path) -> Path:
    """What is at home in a host: who may log in, and Python as infra/install leaves it."""
    (folder / ".ssh").mkdir(parents=True)
    key = common / "key"
    if not key.exists():
        _keygen(key)
    shutil.copy(f"{key}.pub", folder / ".ssh" / "authorized_keys")
    _keygen(folder / "host_key")
    (folder / "sshd_config").write_text(
        f"HostKey {HOME}/host_key\nAuthorizedKeysFile {HOME}/.ssh/authorized_keys\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        # The nodes share one Python: this is their own code.
        f"SetEnv PYTHONPATH={HOME}/search {' '.join(f'{n}={v}' for n, v in _COMPUTES.items())}\n"
    )
    accounts = Path("/etc/passwd").read_text().splitlines()
    at_home = [
        f"root:x:0:0:root:{HOME}:/bin/bash" if a.startswith("root:") else a for a in accounts
    ]
    (folder / "passwd").write_text("\n".join(at_home) + "\n")
    asked = b"".join((ROOT / n).read_bytes() for n in ("pyproject.toml", "infra/constraints.txt"))
    (folder / "installed").write_text(f"{hashlib.sha256(asked).hexdigest()}  -\n")
    if is_laptop:
        shutil.copy(key, folder / ".ssh" / "id_ed25519")
        (folder / ".ray").mkdir()
        token = folder / ".ray" / "auth_token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        ignore = shutil.ignore_patterns(
            ".git", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis"
        )
        shutil.copytree(ROOT, folder / "checkout", ignore=ignore)
    return folder


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
