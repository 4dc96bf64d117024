"""Where runs come from, in a real MLflow store."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

from search.record.record import Study
from search.tracking.projection import Projection
from tests.curve_task import TASK
from tests.search.studies import epoch, scored, segment, session, suggestion
from tests.search.tracking.conftest import Live

ORIGIN = {
    "baselines": {},
    "data": "d" * 64,
    "examples": 50,
    "git": {"commit": "c" * 40, "changed": True},
}


def _made(live: Live) -> Study:
    config = dataclasses.replace(live.study.config, name=f"{live.study.name}-2")
    live.study = live.record.create(config, ORIGIN)
    live.record.append(live.study, *scored({1: 0.1}, {3: 0.2}))
    return live.study


def test_each_run_tells_its_data_set_and_commit_once(live: Live, calls: Counter[str]) -> None:
    study = _made(live)
    for _ in range(2):  # as two processes do
        live.projection = Projection(live.record, study, TASK)
        live.projection.deliver()

    assert calls["log_inputs"] == 3
    for run in live.runs().values():
        [given] = run.inputs.dataset_inputs
        assert (given.dataset.name, given.dataset.digest) == ("ones", "d" * 36)
        assert json.loads(given.dataset.profile) == {"validation_examples": 50}
        assert json.loads(given.dataset.source)["hash"] == "d" * 64
        assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
        assert run.data.tags["mlflow.source.git.dirty"] == "true"
        command = run.data.tags["mlflow.source.name"]
        assert command.startswith("python -m search run tests.curve_task:TASK --trials 3")


def test_an_ended_study_is_described_by_the_answers_of_its_report(live: Live) -> None:
    study = _made(live)
    live.record.append(study, session("finished", 2))
    live.projection = Projection(live.record, study, TASK)
    live.projection.deliver()

    told = live.runs()[None].data.tags["mlflow.note.content"]
    for question in ("**What won?** Trial 1", "**Is it real?**", "**Where did the time go?**"):
        assert question in told
    assert "`python -m search resume" in told
    assert "best: trial 1, score 0.2000" in told


def test_system_metrics_are_on_their_own_page_an_epoch_a_step(live: Live) -> None:
    begun = [session("started", 1), suggestion(0), segment(0, 1, 2)]
    used = {"memory_mib": 300.0, "gpu_memory_mib": 40.0, "gpu_percent": 90.0}
    live.deliver(*begun, *(dataclasses.replace(epoch(0, at, 0.1), usage=used) for at in (1, 2)))

    data = live.runs()[0].data.metrics
    assert data["system/process_memory_usage_megabytes"] == 300.0
    assert data["system/gpu_0_memory_usage_megabytes"] == 40.0
    assert data["system/gpu_0_utilization_percentage"] == 90.0
    history = live.projection._client.get_metric_history(
        live.runs()[0].info.run_id, "system/cpu_utilization_percentage"
    )
    assert [(metric.step, round(metric.value, 3)) for metric in history] == [
        (1, 83.333),
        (2, 83.333),
    ]


def test_a_record_that_tells_neither_is_delivered_without(live: Live) -> None:
    live.deliver(*scored({1: 0.1}))
    assert [run.inputs.dataset_inputs for run in live.runs().values()] == [[], []]
