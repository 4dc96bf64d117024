"""A model registered with predictions whose quality is known, and the decision on its alias."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from search.models import champion, registry
from tests.coin_task import QUESTIONS, answers, truth
from trainables.sts import predict

QUESTIONS_ASKED = np.arange(QUESTIONS)
LABELS = truth(QUESTIONS_ASKED)
TAGS = {"study": "s 1.0", "data": "d", "split": "validation", "metric": "accuracy"}


def three_runs(quality: float, first_seed: int) -> np.ndarray:
    """The predictions of three seeds in a row, each right on about so many of the questions."""
    seeds = range(first_seed, first_seed + 3)
    return np.stack([answers(QUESTIONS_ASKED, quality, seed) for seed in seeds])


def register(
    uri: str,
    name: str,
    model: Path,
    validation: np.ndarray,
    weights: list[int] | None = None,
    **tags: str,
) -> str:
    client = mlflow.MlflowClient(uri)
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    example = predict.example()
    return registry.register(
        uri,
        name,
        experiment=name,
        run_id=client.create_run(experiment).info.run_id,
        model=model,
        model_hash=tags.get("hash", "h"),
        example=example,
        answer=predict.load(model).answer(example),
        validation=validation,
        requirements=[f"mlflow=={mlflow.__version__}"],
        tags={**TAGS, **tags},
        weights=weights,
    )


def decide(
    uri: str,
    name: str,
    version: str,
    validation: np.ndarray,
    force: bool = False,
    optimism: float = 0.0,
    weights: list[int] | None = None,
) -> Any:
    return champion.decide_alias(
        uri,
        name,
        version,
        values=lambda runs: 1.0 - np.abs(np.stack(runs) - LABELS),
        validation=validation,
        metric="accuracy",
        sign=1,
        force=force,
        optimism=optimism,
        weights=weights,
    )
