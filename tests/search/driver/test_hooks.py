"""What Tune is made to forget, and why a process died, from Ray's own words.

That a study ends well all the same is in test_run.py.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.driver.hooks import ReportProcesses

KILLED = """Failure # 1 (occurred at 2026-11-25_00-00-00)
The actor died unexpectedly before finishing this task.
	class_name: SegmentTrainable
	pid: 4711
	ip: 10.0.0.2
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit \
detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes \
include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop \
--force was called, or (3) the worker crashed unexpectedly due to SIGSEGV."""
NODE_DIED = """Failure # 1 (occurred at 2026-11-25_00-00-00)
The actor died because its node has died. Node Id: 30f597
	the actor's node was terminated unexpectedly: health check failed due to missing too many \
heartbeats"""
PREEMPTED = """Failure # 1 (occurred at 2026-11-25_00-00-00)
The actor died because its node has died. Node Id: 30f597
	the actor's node was preempted: spot"""
MEMORY = """Failure # 1 (occurred at 2026-11-25_00-00-00)
Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.2) was 30.27GB / 31.12GB (0.97). Ray killed this worker"""
UNAVAILABLE = """Failure # 1 (occurred at 2026-11-25_00-00-00)
The actor 88c909 is unavailable: The actor is temporarily unavailable: RpcError: Socket closed"""
UNFIT = """Failure # 1 (occurred at 2026-11-25_00-00-00)
ray::SegmentTrainable.__init__() (pid=1, ip=10.0.0.2)
search.machines.cluster.ClusterError: unfit node gpu-3 cannot run trials: it has other versions"""


@pytest.mark.parametrize(
    ("error", "lost", "why", "machine_gone"),
    [
        (KILLED, True, "its process died (dead because its worker process has died.", False),
        (NODE_DIED, False, "its machine went away", True),
        (PREEMPTED, False, "its machine went away", True),
        (MEMORY, True, "its process was killed for want of memory", False),
        (UNFIT, True, "unfit node gpu-3 cannot run trials: it has other versions", False),
        (UNAVAILABLE, True, "its machine went away", True),
        (UNAVAILABLE, False, "its process died (is unavailable: ", False),
        (None, True, "its process died", False),
    ],
)
def test_the_reason_is_read_from_rays_account(tmp_path: Path, error, lost, why, machine_gone):
    told = []
    file = tmp_path / "error.txt"
    if error is not None:
        file.write_text(error)
    searcher = SimpleNamespace(on_process_death=lambda *arguments: told.append(arguments))

    trial = SimpleNamespace(trial_id="t", error_file=str(file))
    ReportProcesses(searcher, lambda: lost).on_trial_error(1, [], trial)

    ((trial_id, said, gone),) = told
    assert trial_id == "t"
    assert said.startswith(why)
    assert gone == machine_gone
