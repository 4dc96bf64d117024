"""What MLflow's pages have places for: command, commit, data set, description, system metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from search.decisions.history import EpochEnd
from search.record.record import Study
from search.reports.page.again import run_command
from search.reports.page.answers import answers
from search.reports.page.facts import Facts
from search.reports.summary import describe

__all__ = ["SYSTEM_METRICS", "data_set", "note", "source_tags", "system_metrics"]

# Characters that MLflow's tables hold.
_DIGEST, _COMMAND, _NOTE = 36, 1000, 5000

_SYSTEM = {
    "memory_mib": "system/process_memory_usage_megabytes",
    "gpu_memory_mib": "system/gpu_0_memory_usage_megabytes",
    "gpu_percent": "system/gpu_0_utilization_percentage",
}
_CPU = "system/cpu_utilization_percentage"
SYSTEM_METRICS = (*_SYSTEM.values(), _CPU)


def source_tags(study: Study) -> dict[str, str]:
    """Of every run: what MLflow's pages show as its source and version."""
    command = run_command(study.config, study.config.trials)
    tags = {"mlflow.source.name": command[:_COMMAND], "mlflow.source.type": "LOCAL"}
    git = study.origin.get("git")
    if isinstance(git, Mapping) and git.get("commit"):
        tags["mlflow.source.git.commit"] = str(git["commit"])
        tags["mlflow.source.git.dirty"] = str(bool(git.get("changed"))).lower()
    return tags


def data_set(study: Study) -> Any:
    """What the study is trained on, as an input of a run: name, hash, and how many examples it is
    judged by; None where the record does not tell it."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digest, config = study.origin.get("data"), study.config
    if not isinstance(digest, str) or not digest:
        return None
    examples = study.origin.get("examples")
    profile = {"validation_examples": examples} if isinstance(examples, int) else {}
    described = Dataset(
        name=config.dataset,
        digest=digest[:_DIGEST],
        source_type="local",
        source=json.dumps({"uri": config.data_dir or config.task, "hash": digest}),
        profile=json.dumps(profile) if profile else None,
    )
    return DatasetInput(described, [InputTag("mlflow.data.context", "search")])


def note(facts: Facts) -> str:
    """What a run's page says of an ended study: the answers that its report begins with."""
    parts = []
    for answer in answers(facts):
        parts.append(f"**{answer.question}** {' '.join(answer.sentences)}")
        parts += [f"`{command}`" for command in answer.commands]
    told = "\n\n".join(parts)
    whole = f"{told}\n\n```\n{describe(facts.summary)}\n```"
    return whole if len(whole) <= _NOTE else told[:_NOTE]


def system_metrics(epoch: EpochEnd) -> dict[str, float]:
    """By the names under which MLflow's page shows them apart. Of the CPU, 100 is one core."""
    found = {_SYSTEM[name]: value for name, value in epoch.usage.items() if name in _SYSTEM}
    if epoch.wall_s > 0:
        found[_CPU] = 100 * epoch.cpu_s / epoch.wall_s
    return found
