"""A candidate's last part: further seeds, one reading of the test split, the registry."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.errors import EndedEarly
from search.models import test_split
from search.promotion.audit import audit_runs, hand_over_checkpoints
from search.promotion.confirm import Contender
from search.promotion.ensemble import (
    describe_ensemble,
    drop_checkpoints,
    ensemble_row,
    export_ensemble,
    find_ensemble,
)
from search.promotion.exported import Exported, export_run, models_folder
from search.promotion.phases import (
    Drive,
    Promotion,
    finished,
    predictions,
    run_phase,
    wanted_run,
)
from search.promotion.registration import register_ensemble, register_run
from search.promotion.verdict import describe_final
from search.record.record import Study
from search.statistics.intervals import example_interval, joint_interval, seed_interval
from search.statistics.pseudo_values import values_of
from search.tasks.task import Task
from trainables.seeding import derive

__all__ = ["finalise"]


def finalise(
    promotion: Promotion,
    candidate: Contender,
    drive: Drive,
    say: Callable[[str], None],
    so_far: Mapping[str, Any],
) -> dict[str, Any]:
    """Train the candidate on further seeds, read the test split, register the median run; or the
    ensemble, where one is asked for and there is one."""
    study, task, config = promotion.study, promotion.task, promotion.study.config
    phase, runs = _train(promotion, candidate, drive)
    validation = predictions(promotion, phase, runs)
    final: dict[str, Any] = {
        "validation": {
            **_scores(task, promotion.labels, validation),
            "optimism": so_far["optimism"]["left"],
        },
    }
    ensemble, packed = find_ensemble(promotion), None
    with models_folder(promotion, phase) as folder:
        models = [export_run(promotion, phase, run, folder) for run in runs]
        if promotion.ensemble and ensemble is not None:
            ensemble, packed = export_ensemble(promotion, ensemble, folder)
        # The last moment: what follows cannot be undone.
        promotion.end_if_asked()
        tested, of_ensemble = _test(promotion, models, packed)
        final |= tested
        final["validation_minus_test"] = final["validation"]["mean"] - final["test"]["mean"]
        for line in describe_final(task, final):
            say(line)
        row = None if ensemble is None else ensemble_row(ensemble) | of_ensemble
        if row is not None:
            say(describe_ensemble(promotion, row))
        result = {**so_far, "final": final, "ensemble": row}
        if ensemble is not None and packed is not None:
            registered = register_ensemble(promotion, ensemble, packed, result)
        else:
            median = sorted(range(len(runs)), key=lambda k: runs[k].value(task.metric))[
                len(runs) // 2
            ]
            registered = register_run(
                promotion, phase, runs[median], models[median], np.stack(validation), result
            )
    drop_checkpoints(promotion, ensemble)
    say(f"{registered.name} version {registered.version} is {registered.alias}: {registered.why}")
    readings = test_split.count(
        promotion.record, task.testable_data(), config.dataset, study.ledger_name
    )
    say(str(readings))
    return {
        **result,
        "alias": registered.alias,
        "alias_reason": registered.why,
        "model": {"name": registered.name, "version": registered.version},
        "test_readings": readings.study,
        "test_readings_all": readings.all,
    }


def _train(promotion: Promotion, candidate: Contender, drive: Drive) -> tuple[Study, list[Trial]]:
    """The phase's study, and the candidate's runs in it. Raises EndedEarly."""
    seed = promotion.study.config.seed
    seeds = [derive(seed, "final", k) for k in range(promotion.final_seeds)]
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
    return phase, runs


def _test(
    promotion: Promotion, models: Sequence[Exported], packed: Exported | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score the final models on the test split: in all, by group, and beside the baselines. And
    the ensemble, if there is one, beside them."""
    from trainables import ensemble

    task, config = promotion.task, promotion.study.config
    module, data = task.model_module(), task.testable_data()
    test = test_split.read(
        promotion.record,
        data,
        config.dataset,
        promotion.data_dir,
        model_hashes=[model.hash for model in (*models, *([packed] if packed else []))],
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
            "final_minus_this": {**gain.as_dict(), "beyond_noise": gain.beyond_noise},
        }
    groups = {
        str(group): {
            "mean": float(np.mean([task.objective(test.labels[at], p[at]) for p in predicted])),
            "n": int(at.sum()),
        }
        for group in np.unique(test.groups)
        for at in [test.groups == group]
    }
    final = {
        "test": {**_scores(task, test.labels, predicted), "groups": groups},
        "baselines": baselines,
    }
    if packed is None:
        return final, {}
    averaged = ensemble.load(packed.folder).predict(test.inputs)
    [values_N] = values_of(task, test.labels, [averaged])
    return final, {
        "test": {**example_interval(values_N).as_dict(), "n": len(test.labels)},
        "test_minus_final": joint_interval(values_N - values_SN).as_dict(),
    }


def _scores(task: Task, labels: np.ndarray, runs: Sequence[np.ndarray]) -> dict[str, Any]:
    """The mean over runs, with intervals over seeds and examples, and over seeds alone."""
    scores = [task.objective(labels, run) for run in runs]
    over_seeds = seed_interval(scores)
    return {
        **joint_interval(values_of(task, labels, runs)).as_dict(),
        "n": len(runs),
        "seeds_low": over_seeds.low,
        "seeds_high": over_seeds.high,
        "scores": scores,
    }
