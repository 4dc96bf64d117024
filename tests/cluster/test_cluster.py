"""The test that counts: a study on three machines, through a cut network, a dead node and a dead
driver, by the commands of infra/README.md. The machines are namespaces of this one."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
import torch

from search.tasks.registry import find_task
from tests.cluster.hosts import until, why_not
from tests.cluster.rig import NAME, Rig, left, readme, rig
from trainables.data import find

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

TRIALS = 20  # enough that all three faults come before the end
FIRST_RUNG = 3  # so that what is interrupted has more than one epoch before it
MAX_EPOCHS = 9  # the task's own
RAYLET = "raylet --raylet_socket_name"
CUT_S = 45  # longer than a worker waits for its head


@dataclass
class Observed:
    """What was seen."""

    took: dict[str, float] = field(default_factory=dict)
    killed_at: dict[str, int] = field(default_factory=dict)  # epochs on record
    events: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    shown: str = ""
    promoted: str = ""
    left: dict[str, list[str]] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    seen = Observed()
    with rig(tmp_path_factory.mktemp("hosts")) as cluster:
        _run_through(cluster, seen)
    print(seen.killed_at, *(failure["reason"] for failure in seen.of("Failure")), sep="\n")
    return seen


def _run_through(cluster: Rig, seen: Observed) -> None:
    started = time.monotonic()

    def done(what: str) -> None:
        nonlocal started
        now = time.monotonic()
        seen.took[what], started = now - started, now
        print(f"{what}: {seen.took[what]:.0f} s", flush=True)

    worker1, worker2 = cluster.hosts.worker1, cluster.hosts.worker2
    cluster.store()
    cluster.fill_in()
    cluster.type(readme("python -m search doctor --cluster-file"))
    cluster.type(f"{readme('ray up')} -y", timeout_s=600)
    cluster.leave_open(readme("ray dashboard"))
    cluster.answers(8265)
    until(lambda: cluster.nodes() == 3, 120, "three nodes", every_s=2)
    done("ray up")

    asked = readme("python -m search submit").replace("--trials 512", f"--trials {TRIALS}")
    asked = asked.replace("--gpus-per-trial 0.25", f"--workers 4 --min-epochs {FIRST_RUNG}")
    cluster.type(f"{asked} {_data()}", timeout_s=600)
    done("submit")

    first_four = "select count(distinct trial) from epochs where trial < 4"
    until(lambda: cluster.sql(first_four) == "4", 180, "an epoch of each worker's first trial")
    done("first epochs")
    cluster.hosts.disconnect(worker1)
    seen.killed_at["network"] = cluster.count("epochs")
    cut = time.monotonic()
    until(lambda: cluster.count("failures") > 0, 120, "the cut node's trials are given up")
    time.sleep(max(0.0, cut + CUT_S - time.monotonic()))
    cluster.hosts.reconnect(worker1)
    done("network cut")

    seen.killed_at["raylet"] = cluster.count("epochs")
    failures = cluster.count("failures")
    worker2.kill(RAYLET)
    until(lambda: cluster.count("failures") > failures, 60, "the dead node's trials are given up")
    until(lambda: any(RAYLET in line for line in left(worker2)), 120, "it is started again")
    done("raylet killed")

    seen.killed_at["driver"] = cluster.count("epochs")
    cluster.head.kill("-m search r")  # run or resume, not the supervisor
    until(lambda: cluster.count("sessions") > 1, 120, "the driver is started again")
    done("driver killed")

    ended = "select count(*) from sessions where event = 'finished'"
    until(lambda: cluster.sql(ended) == "1", 400, "the study ends")
    done("finished")
    supervisor = "-m search.cli.supervise"
    until(lambda: not any(supervisor in line for line in left(cluster.head)), 90, "the job ends")
    seen.shown = cluster.type(f"{readme('python -m search show')} --json")
    seen.events = cluster.events()
    seen.runs = cluster.mlflow()
    seen.keys = cluster.keys()
    done("looked at")
    few = "--top 1 --runs 2 --final-seeds 2 --json --quiet"
    seen.promoted = cluster.type(f"{readme('python -m search promote')} {few}", timeout_s=600)
    done("promoted")

    cluster.close()
    cluster.type(f"{readme('ray down')} -y", timeout_s=300)
    for host in (cluster.head, worker1, worker2):
        with contextlib.suppress(AssertionError):
            until(lambda host=host: not left(host), 75, "no process is left")
        seen.left[host.name] = left(host)
    done("ray down")


def _data() -> str:
    """The real data where this machine has it; as in design: data is never copied in."""
    found = find("stsbenchmark")
    return f"--data-dir {found.parent}" if found else "--dataset toy"


def test_all_trials_ended_and_none_failed(observed):
    summary = json.loads(observed.shown.strip().splitlines()[-1])
    trials = summary["trials"]

    assert summary["state"] == "finished"
    assert trials["total"] == TRIALS
    assert trials["complete"] + trials["pruned"] == TRIALS
    assert summary["epochs"] == summary["epochs_planned"]


def test_the_record_lost_nothing_and_holds_nothing_twice(observed):
    suggested = [event["trial"] for event in observed.of("Suggestion")]
    trained = Counter((event["trial"], event["epoch"]) for event in observed.of("EpochEnd"))

    assert suggested == list(range(TRIALS))
    assert set(trained.values()) == {1}
    for trial in suggested:
        epochs = sorted(epoch for number, epoch in trained if number == trial)
        assert epochs == list(range(1, len(epochs) + 1))


def test_every_fault_hit_and_none_failed_a_trial(observed):
    failures = observed.of("Failure")
    machine = [failure for failure in failures if failure["reason"] == "its machine went away"]

    assert len(failures) >= 2, "neither the cut network nor the dead node hit a trial"
    assert machine, [failure["reason"] for failure in failures]
    assert not [failure for failure in machine if failure["counts"]]
    assert not [failure for failure in failures if failure["final"]]
    assert [e["event"] for e in observed.of("Session")] == ["started", "started", "finished"]


def test_interrupted_trials_went_on_from_their_last_epoch(observed):
    reached: Counter[int] = Counter()
    resumed = 0
    for event in observed.events:
        if event["kind"] == "Segment":
            assert event["first_epoch"] == reached[event["trial"]] + 1
            resumed += event["attempt"] > 0 and event["first_epoch"] > 1
        if event["kind"] == "EpochEnd":
            reached[event["trial"]] = event["epoch"]
    assert resumed, "no trial was interrupted after its first epoch"


def test_an_interrupted_curve_is_that_of_the_same_trial_run_alone(observed):
    epochs = Counter(event["trial"] for event in observed.of("EpochEnd"))
    hit = {failure["trial"] for failure in observed.of("Failure")}
    trial = min(hit, key=lambda number: (epochs[number] < 2, epochs[number]))
    suggestion = observed.of("Suggestion")[trial]
    recorded = [event["metrics"] for event in observed.of("EpochEnd") if event["trial"] == trial]

    assert _alone(suggestion, len(recorded)) == recorded


def _alone(suggestion: dict[str, Any], epochs: int) -> list[dict[str, float]]:
    """The curve of the same configuration and seed in a process that does nothing else."""
    task = find_task("sts")
    found = find("stsbenchmark")
    prepared = task.data.prepare("stsbenchmark" if found else "toy", None)
    torch.set_num_threads(1)
    training = task.training_function()(
        task.config(**suggestion["config"]),
        task.data.load(prepared.folder),
        seed=suggestion["seed"],
        max_epochs=MAX_EPOCHS,
    )
    return [{k: float(v) for k, v in e.metrics.items()} for e in islice(training, epochs)]


def test_mlflow_has_every_run_once_with_every_epoch_once(observed):
    parents = [run for run in observed.runs if "trial" not in run["tags"]]
    children = {int(r["tags"]["trial"]): r for r in observed.runs if "trial" in r["tags"]}

    assert len(parents) == 1
    assert len(observed.runs) == 1 + TRIALS
    assert sorted(children) == list(range(TRIALS))
    assert {run["status"] for run in observed.runs} == {"FINISHED"}
    for trial, run in children.items():
        ends = [e for e in observed.of("EpochEnd") if e["trial"] == trial]
        assert run["curve"] == [[e["epoch"], e["metrics"]["dev_pearson"]] for e in ends]
        assert run["params"] == len(observed.of("Suggestion")[trial]["config"])


def test_what_trials_wrote_is_in_the_store(observed):
    complete = {e["trial"] for e in observed.of("EpochEnd") if e["decision"] == "complete"}

    keys = [key for key in observed.keys if key.startswith(f"storage/studies/{NAME}-")]

    assert len(complete) >= 2
    for trial in complete:
        assert [key for key in keys if key.endswith(f"/predictions/trial-{trial}.arrow")]
    assert [key for key in keys if "/checkpoints/trial-" in key and key.endswith(".pt")]
    assert [key for key in observed.keys if key.startswith("storage/data/")], "data for the nodes"


def test_its_winner_is_confirmed_tested_and_registered_there(observed):
    result = json.loads(observed.promoted.strip().splitlines()[-1])

    assert result["alias"] == "champion"
    assert (result["fresh"]["n"], result["final"]["test"]["n"]) == (2, 2)
    assert result["test_readings"] == 2


def test_ray_down_leaves_no_process(observed):
    assert observed.left == {"head": [], "worker1": [], "worker2": []}
