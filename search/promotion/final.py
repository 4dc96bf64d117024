"""A candidate's last part: further seeds, one reading of the test split, the registry."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.metadata
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from search.decisions.history import Trial
from search.errors import EndedEarly, RecordError, StudyLockedError
from search.models import champion, registry, test_split
from search.promotion.audit import audit_runs, hand_over_checkpoints
from search.promotion.confirm import Contender
from search.promotion.phases import (
    Drive,
    Promotion,
    finished,
    phase_name,
    predictions,
    run_phase,
    wanted_run,
)
from search.promotion.verdict import describe_final
from search.record.commands import command
from search.record.record import Study
from search.statistics.intervals import joint_interval, seed_interval
from search.statistics.pseudo_values import values_of
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from search.tracking.delivery import sync
from search.tracking.projection import Projection
from trainables.seeding import derive

__all__ = ["finalise"]


def finalise(
    promotion: Promotion,
    candidate: Contender,
    drive: Drive,
    say: Callable[[str], None],
    so_far: Mapping[str, Any],
) -> dict[str, Any]:
    """Train the candidate on further seeds, read the test split, register the median run."""
    study, task, config = promotion.study, promotion.task, promotion.study.config
    seeds = [derive(config.seed, "final", k) for k in range(promotion.final_seeds)]
    finals = [wanted_run(candidate.trial, candidate.config, seed) for seed in seeds]
    # The audit comes last: it fills what would be idle while the last final runs train.
    wanted = [*finals, *audit_runs(promotion)]
    phase = run_phase(
        promotion,
        "final",
        lambda history, begun: wanted,
        drive,
        prepare=functools.partial(hand_over_checkpoints, promotion),
    )
    runs = finished(promotion, phase, candidate.config, seeds)
    if runs is None:
        raise EndedEarly("failed", f"a final run failed: see {phase.name}")
    validation = predictions(promotion, phase, runs)
    result: dict[str, Any] = {
        "validation": {
            **_scores(task, promotion.labels, validation),
            "optimism": so_far["optimism"]["left"],
        },
    }
    with _models_folder(promotion, phase) as folder:
        models = [_export(promotion, phase, run, folder) for run in runs]
        # The last moment: what follows cannot be undone.
        promotion.end_if_asked()
        result |= _test(promotion, models)
        result["validation_minus_test"] = result["validation"]["mean"] - result["test"]["mean"]
        for line in describe_final(task, result):
            say(line)
        median = sorted(range(len(runs)), key=lambda k: runs[k].value(task.metric))[len(runs) // 2]
        registered = _register(
            promotion, phase, runs[median], models[median], np.stack(validation), result, so_far
        )
    say(f"{registered.name} version {registered.version} is {registered.alias}: {registered.why}")
    readings = test_split.count(
        promotion.record, task.testable_data(), config.dataset, study.ledger_name
    )
    say(str(readings))
    return {
        "final": result,
        "alias": registered.alias,
        "alias_reason": registered.why,
        "model": {"name": registered.name, "version": registered.version},
        "test_readings": readings.study,
        "test_readings_all": readings.all,
    }


@contextlib.contextmanager
def _models_folder(promotion: Promotion, phase: Study) -> Iterator[Path]:
    """An empty folder for models, whatever a killed promotion left there; one process at a time."""
    folder = promotion.record.study_folder(phase.name) / "models"
    try:
        with FileLock(f"{folder}.lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise StudyLockedError(f"{promotion.study.name} is being promoted already") from None


@dataclass(frozen=True, kw_only=True)
class _Exported:
    folder: Path
    hash: str


def _export(promotion: Promotion, phase: Study, run: Trial, models: Path) -> _Exported:
    from trainables import export

    found = promotion.record.files(phase).load_checkpoint(run.number, run.epoch)
    if found is None or found[0] != run.epoch:
        raise RecordError(
            f"the checkpoint of {phase.name}, trial {run.number}, is lost or damaged: "
            f"`{command(promotion.record, f'delete {phase.name}')}`, then promote again"
        )
    task = promotion.task
    target = models / f"trial-{run.number}"
    target.mkdir()
    task.model_module().export(
        task.config(**run.suggestion.config), promotion.data, found[1], target
    )
    return _Exported(folder=target, hash=export.verify(target))


def _test(promotion: Promotion, models: Sequence[_Exported]) -> dict[str, Any]:
    """Score the final models on the test split: in all, by group, and beside the baselines."""
    task, config = promotion.task, promotion.study.config
    module, data = task.model_module(), task.testable_data()
    test = test_split.read(
        promotion.record,
        data,
        config.dataset,
        promotion.data_dir,
        model_hashes=[model.hash for model in models],
        study=promotion.study.ledger_name,
        purpose="promote",
    )
    predicted = [module.load(model.folder).predict(test.inputs) for model in models]
    values_SN = values_of(task, test.labels, predicted)
    baselines = {}
    for name, guess in data.test_baselines(promotion.data, test).items():
        gain = joint_interval(values_SN - values_of(task, test.labels, [guess]))
        baselines[name] = {
            "value": task.objective(test.labels, guess),
            "final_minus_this": {**dataclasses.asdict(gain), "beyond_noise": gain.beyond_noise},
        }
    groups = {
        str(group): {
            "mean": float(np.mean([task.objective(test.labels[at], p[at]) for p in predicted])),
            "n": int(at.sum()),
        }
        for group in np.unique(test.groups)
        for at in [test.groups == group]
    }
    return {
        "test": {**_scores(task, test.labels, predicted), "groups": groups},
        "baselines": baselines,
    }


def _register(
    promotion: Promotion,
    phase: Study,
    run: Trial,
    model: _Exported,
    validation: np.ndarray,
    final: Mapping[str, Any],
    so_far: Mapping[str, Any],
) -> champion.Registered:
    task, study, config = promotion.task, promotion.study, promotion.study.config
    for part in ("confirm", "final"):  # whatever kept those who follow them from it
        part_study = promotion.record.study(phase_name(study.name, part))
        sync(promotion.record, part_study.with_tracking_uri(config.tracking_uri), task)
    example = task.model_module().example()
    origin = depends_on(task, promotion.prepared, config.task)
    del origin["files"]  # any number of them: a tag has its length
    tags = {
        "study": study.ledger_name,
        "trial": str(so_far["candidate"]["trial"]),
        "run": f"{phase.name}, trial {run.number}",
        "config": json.dumps(dict(run.suggestion.config)),
        "seed": str(run.suggestion.seed),
        "dataset": config.dataset,
        "metric": task.metric,
        "split": "validation",
        **{name: json.dumps(v) if isinstance(v, dict) else v for name, v in origin.items()},
        **{name: json.dumps(so_far[name]) for name in ("search", "corrected", "fresh")},
        **{f"final_{name}": json.dumps(final[name]) for name in ("validation", "test")},
    }
    with registry.registry_errors():
        version = registry.register(
            config.tracking_uri,
            task.name,
            experiment=task.name,
            run_id=Projection(promotion.record, phase, task).run_id(run.number),
            model=model.folder,
            model_hash=model.hash,
            example=example,
            answer=task.model_module().load(model.folder).answer(example),
            validation=validation,
            requirements=_requirements(origin["versions"]),
            tags=tags,
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
            optimism=so_far["optimism"]["left"],
        )


def _scores(task: Task, labels: np.ndarray, runs: Sequence[np.ndarray]) -> dict[str, Any]:
    """The mean over runs, with intervals over seeds and examples, and over seeds alone."""
    scores = [task.objective(labels, run) for run in runs]
    over_seeds = seed_interval(scores)
    return {
        **dataclasses.asdict(joint_interval(values_of(task, labels, runs))),
        "n": len(runs),
        "seeds_low": over_seeds.low,
        "seeds_high": over_seeds.high,
        "scores": scores,
    }


def _requirements(versions: Mapping[str, str]) -> list[str]:
    """What the served model imports; the project's own code goes with it."""
    names = ("gensim", "mlflow", "numpy", "scipy", "torch", "torchvision")
    others = ("filelock", "pandas", "platformdirs", "safetensors")
    return [f"{name}=={versions[name]}" for name in names] + [
        f"{name}=={importlib.metadata.version(name)}" for name in others
    ]
