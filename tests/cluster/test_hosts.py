"""The hosts themselves: apart from this machine and each other, and gone whatever happens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.cluster.hosts import Host, Hosts, hosts, why_not

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@pytest.fixture(autouse=True)
def possible() -> None:
    if why_not():
        pytest.skip(why_not())


def test_they_reach_each_other_until_a_cable_is_pulled(tmp_path):
    with hosts(tmp_path) as four:
        say = "ssh -o StrictHostKeyChecking=no -o ConnectTimeout=2 {} hostname"
        to_worker1 = say.format(four.worker1.address)
        assert four.laptop.run(to_worker1).stdout == "worker1\n"
        four.disconnect(four.worker1)
        assert four.laptop.run(to_worker1, check=False).returncode != 0
        assert four.laptop.run(say.format(four.worker2.address)).stdout == "worker2\n"
        four.reconnect(four.worker1)
        assert four.laptop.run(to_worker1).stdout == "worker1\n"


def test_each_has_files_and_processes_of_its_own(tmp_path):
    with hosts(tmp_path) as four:
        four.head.run("touch /tmp/here /run/here ~/here; sleep 99 >/dev/null 2>&1 &")
        assert four.head.run("ls /tmp /run ~").stdout.count("here") == 3
        assert four.worker1.run("ls /tmp /run ~").stdout.count("here") == 0
        assert not Path("/tmp/here").exists()
        assert [p.cmdline() for p in four.head.processes()] == [["sleep", "99"]]
        assert four.worker1.processes() == []
        four.head.kill("sleep 99")


def test_nothing_is_left_even_after_a_failure(tmp_path):
    links = subprocess.check_output(["ip", "-br", "link"])
    first: list[psutil.Process] = []

    def fail(four: Hosts) -> None:
        four.head.run("setsid sleep 98 >/dev/null 2>&1 &")
        first.extend([four.head.process("sleep 98"), *map(_first, four.all.values())])
        raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError, match="the test fails"), hosts(tmp_path) as four:
        fail(four)

    assert len(first) == 5
    assert not [process for process in first if process.is_running()]
    assert subprocess.check_output(["ip", "-br", "link"]) == links
    assert os.path.ismount("/srv") is False


def _first(host: Host) -> psutil.Process:
    return psutil.Process(host.pid)
