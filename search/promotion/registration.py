"""What a promotion puts into the registry: one run's model, or an ensemble's."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.models import champion, registry
from search.promotion.ensemble import Found
from search.promotion.exported import Exported
from search.promotion.phases import Promotion, phase_name
from search.record.ledger import COMPARED, validation_split
from search.record.record import Study
from search.statistics.pseudo_values import values_of
from search.tasks.provenance import depends_on
from search.tracking.delivery import sync
from search.tracking.projection import Projection
from trainables.export import Model

__all__ = ["register_ensemble", "register_run"]


def register_run(
    promotion: Promotion,
    phase: Study,
    run: Trial,
    model: Exported,
    validation: np.ndarray,
    result: Mapping[str, Any],
) -> champion.Registered:
    """`validation`: of all final runs, (S, N) or (S, N, classes). `result`: so far."""
    _deliver(promotion)
    return _register(
        promotion,
        Projection(promotion.record, phase, promotion.task).run_id(run.number),
        model,
        promotion.task.model_module().load(model.folder),
        validation,
        {
            "run": f"{phase.name}, trial {run.number}",
            "config": json.dumps(dict(run.suggestion.config)),
            "seed": str(run.suggestion.seed),
        },
        result,
        optimism=result["optimism"]["left"],
    )


def register_ensemble(
    promotion: Promotion, found: Found, model: Exported, result: Mapping[str, Any]
) -> champion.Registered:
    """All that it looks better for having been selected is taken off where it is compared, since
    its members are these very runs; and what their configurations do."""
    from trainables import ensemble

    _deliver(promotion)
    row = result["ensemble"]
    return _register(
        promotion,
        Projection(promotion.record, promotion.study, promotion.task).run().id,
        model,
        ensemble.load(model.folder),
        found.predictions,
        {
            "run": f"ensemble of {len(found.distinct)} runs",
            "members": "; ".join(found.name(member) for member in found.distinct),
            "ensemble": json.dumps({k: v for k, v in row.items() if k != "members"}),
        },
        result,
        optimism=max(promotion.sign * (row["seen"] - row["score"]["mean"]), 0.0)
        + result["optimism"]["left"],
        weights=found.weights,
    )


def _deliver(promotion: Promotion) -> None:
    """Whatever kept those who follow the phases from it."""
    for part in ("confirm", "final"):
        study = promotion.record.study(phase_name(promotion.study.name, part))
        here = study.with_tracking_uri(promotion.study.config.tracking_uri)
        sync(promotion.record, here, promotion.task)


def _register(
    promotion: Promotion,
    run_id: str,
    exported: Exported,
    model: Model,
    validation: np.ndarray,
    tags: Mapping[str, str],
    result: Mapping[str, Any],
    *,
    optimism: float,
    weights: list[int] | None = None,
) -> champion.Registered:
    task, study, config = promotion.task, promotion.study, promotion.study.config
    example = task.model_module().example()
    origin = depends_on(task, promotion.prepared, config.task)
    del origin["files"]  # any number of them: a tag has its length
    all_tags = {
        "study": study.ledger_name,
        "trial": str(result["candidate"]["trial"]),
        "dataset": config.dataset,
        "metric": task.metric,
        "split": "validation",
        **tags,
        **{name: json.dumps(v) if isinstance(v, dict) else v for name, v in origin.items()},
        **{name: json.dumps(result[name]) for name in ("search", "corrected", "fresh")},
        **{f"final_{name}": json.dumps(result["final"][name]) for name in ("validation", "test")},
    }
    split = validation_split(config.dataset, promotion.prepared.hash)
    promotion.record.ledger.note(exported.hash, split, study=study.ledger_name, purpose=COMPARED)
    with registry.registry_errors():
        version = registry.register(
            config.tracking_uri,
            task.name,
            experiment=task.name,
            run_id=run_id,
            model=exported.folder,
            model_hash=exported.hash,
            example=example,
            answer=model.answer(example),
            validation=validation,
            requirements=_requirements(origin["versions"]),
            tags=all_tags,
            weights=weights,
        )
        return champion.decide_alias(
            config.tracking_uri,
            task.name,
            version,
            values=functools.partial(values_of, task, promotion.labels),
            validation=validation,
            metric=task.metric,
            sign=promotion.sign,
            force=promotion.force,
            optimism=optimism,
            weights=weights,
        )


def _requirements(versions: Mapping[str, str]) -> list[str]:
    """What the served model imports; the project's own code goes with it."""
    names = ("gensim", "mlflow", "numpy", "scipy", "torch", "torchvision")
    others = ("filelock", "pandas", "platformdirs", "safetensors")
    return [f"{name}=={versions[name]}" for name in names] + [
        f"{name}=={importlib.metadata.version(name)}" for name in others
    ]
