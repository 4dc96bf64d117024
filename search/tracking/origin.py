"""Where a study's runs come from, as MLflow tells it: command, commit, data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from search.record.record import Study

__all__ = ["data_set", "source_tags"]

_DIGEST = 36  # characters; MLflow's tables hold so many


def source_tags(study: Study) -> dict[str, str]:
    """Of every run: what MLflow's pages show as its source and version."""
    tags = {"mlflow.source.type": "LOCAL"}
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
