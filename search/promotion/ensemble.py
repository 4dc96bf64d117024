"""One model of several runs, which answers with the mean of their predictions.

What it would score is told in every promotion, since it costs no training; `--ensemble` registers
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.decisions.audit import audited_trial
from search.decisions.history import Trial
from search.errors import UserError
from search.models.exporting import LostCheckpointError
from search.promotion.confirm import top_trials
from search.promotion.exported import Exported, export_run
from search.promotion.phases import Promotion, find_phase, predictions
from search.record.commands import command
from search.record.record import Study
from search.reports.numbers import estimate_text
from search.statistics.ensemble import MOST_MEMBERS, Ensemble, best_ensemble, select

__all__ = [
    "Found",
    "check_ensemble",
    "describe_ensemble",
    "drop_checkpoints",
    "ensemble_row",
    "export_ensemble",
    "find_ensemble",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pool:
    """Complete runs of a promotion, and their validation predictions."""

    runs: Sequence[tuple[Study, Trial]]
    predictions: Sequence[np.ndarray]

    def without(self, lost: int) -> _Pool:
        kept = [run for run in range(len(self.runs)) if run != lost]
        return _Pool(
            runs=[self.runs[run] for run in kept],
            predictions=[self.predictions[run] for run in kept],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """An ensemble, and the runs that it is made of."""

    ensemble: Ensemble
    pool: _Pool

    @property
    def distinct(self) -> list[int]:
        """Its members, each once, in the order that they were taken in."""
        return list(dict.fromkeys(self.ensemble.members))

    @property
    def weights(self) -> list[int]:
        return [list(self.ensemble.members).count(member) for member in self.distinct]

    @property
    def predictions(self) -> np.ndarray:
        """Of its members, (M, N) or (M, N, classes)."""
        return np.stack([self.pool.predictions[member] for member in self.distinct])

    def name(self, member: int) -> str:
        study, trial = self.pool.runs[member]
        return f"{study.name}, trial {trial.number}"


def check_ensemble(promotion: Promotion, best: Trial) -> None:
    """Raises UserError where the task's models cannot be averaged."""
    task = promotion.task
    predicted = promotion.record.files(promotion.study).predictions(best.number)
    if not task.averaged or not np.issubdtype(predicted.dtype, np.floating):
        raise UserError(
            f"an ensemble averages predictions that are floating-point numbers (Task.averaged); "
            f"those of task {task.name} are {predicted.dtype}: promote without --ensemble"
        )
    if not callable(getattr(task.model_module(), "answer_from", None)):
        raise UserError(
            f"an ensemble needs a function answer_from(predictions) of {task.model}, by which it "
            "answers (trainables/export.py)"
        )


def find_ensemble(promotion: Promotion) -> Found | None:
    """The best mean of complete runs: of the search those whose checkpoints a study keeps, all of
    the confirmation, and the final ones.

    None where predictions are no numbers that can be averaged, as labels are.
    """
    if not promotion.task.averaged:
        return None
    pool = _pool(promotion)
    if not all(np.issubdtype(each.dtype, np.floating) for each in pool.predictions):
        return None
    return _best(promotion, pool)


def export_ensemble(
    promotion: Promotion, found: Found, models: Path
) -> tuple[Found, Exported | None]:
    """It as one sealed model, in the folder `models`; None where one run alone is as good as any
    mean. Members whose checkpoints are lost are done without: what is found then comes with it."""
    from trainables import ensemble, export

    pool, exported = found.pool, dict[str, Exported]()
    taken = list(found.ensemble.members)
    while (lost := _export_members(promotion, pool, taken, models, exported)) is not None:
        pool = pool.without(lost)
        taken = _select(promotion, pool)
    if pool is not found.pool:
        found = _best(promotion, pool)
    if len(found.distinct) == 1:
        return found, None
    folder = models / "ensemble"
    folder.mkdir()
    members = [exported[found.name(member)].folder for member in found.distinct]
    ensemble.pack(members, found.weights, str(promotion.task.model), folder)
    return found, Exported(folder=folder, hash=export.verify(folder))


def drop_checkpoints(promotion: Promotion, found: Found | None) -> None:
    """Of the runs of the confirmation those that are no members need theirs no longer, nor do those
    that were audited."""
    phase, final = find_phase(promotion, "confirm"), find_phase(promotion, "final")
    assert phase is not None
    runs = {trial.number for trial in promotion.record.history(phase).trials}
    if found is not None:
        members = [found.pool.runs[member] for member in found.distinct]
        runs -= {trial.number for study, trial in members if study.name == phase.name}
    promotion.record.files(phase).delete_checkpoints(runs)
    if final is not None:
        trials = promotion.record.history(final).trials
        audits = {run.number for run in trials if audited_trial(run.suggestion) is not None}
        promotion.record.files(final).delete_checkpoints(audits)


def ensemble_row(found: Found) -> dict[str, Any]:
    ensemble = found.ensemble
    return {
        "members": [found.name(member) for member in ensemble.members],
        "runs": len(found.pool.runs),
        "seen": ensemble.seen,
        "score": ensemble.score.as_dict(),
        "minus_best_run": {
            **ensemble.gain.as_dict(),
            "beyond_noise": ensemble.gain.beyond_noise,
        },
    }


def describe_ensemble(promotion: Promotion, row: Mapping[str, Any]) -> str:
    """`row` as above; with `test` and `test_minus_final` of one that is to be registered."""
    score, gain = row["score"], row["minus_best_run"]
    members, distinct = len(row["members"]), len(set(row["members"]))
    if distinct == 1:
        return (
            f"no mean of several of the {row['runs']} runs' {promotion.task.averaged} is better "
            f"than those of one alone: there is no ensemble"
        )
    told = (
        f"the mean of {members} {promotion.task.averaged}, of {distinct} of the {row['runs']} runs "
        f"(greedy selection), {'scores' if 'test' in row else 'would score'} "
        f"{estimate_text(score['mean'], score['low'], score['high'])} on validation, "
        f"{estimate_text(gain['mean'], gain['low'], gain['high'], signed=True)} from the best run; "
        "corrected for the selection by these examples, not for the luck of these seeds"
    )
    if "test" not in row:
        name = promotion.study.name
        return f"{told}. To register it: {command(promotion.record, f'promote {name} --ensemble')}"
    test, more = row["test"], row["test_minus_final"]
    return (
        f"{told}\n"
        f"test of the ensemble: {estimate_text(test['mean'], test['low'], test['high'])} over "
        f"examples, {estimate_text(more['mean'], more['low'], more['high'], signed=True)} from the "
        "final runs"
    )


def _pool(promotion: Promotion) -> _Pool:
    runs: list[tuple[Study, Trial]] = []
    found: list[np.ndarray] = []
    studies = [promotion.study, find_phase(promotion, "confirm"), find_phase(promotion, "final")]
    for study in studies:
        if study is None:
            continue
        history = promotion.record.history(study)
        complete = [
            trial
            for trial in history.trials
            if trial.complete(study.config.max_epochs)
            # What stopping has cost is told by these; they win nothing.
            and audited_trial(trial.suggestion) is None
        ]
        if study is promotion.study:
            metric, sign = promotion.task.metric, promotion.sign
            keep, max_epochs = study.config.keep_checkpoints, study.config.max_epochs
            complete = top_trials(history, metric, sign, max_epochs, keep)
        runs += [(study, trial) for trial in complete]
        found += predictions(promotion, study, complete)
    return _Pool(runs=runs, predictions=found)


def _most(promotion: Promotion) -> int:
    return promotion.ensemble or MOST_MEMBERS


def _best(promotion: Promotion, pool: _Pool) -> Found:
    ensemble = best_ensemble(
        promotion.task.objective,
        promotion.labels,
        pool.predictions,
        sign=promotion.sign,
        seed=promotion.study.config.seed,
        most=_most(promotion),
    )
    return Found(ensemble=ensemble, pool=pool)


def _select(promotion: Promotion, pool: _Pool) -> list[int]:
    return select(
        promotion.task.objective,
        promotion.labels,
        np.stack(pool.predictions).astype(np.float64),
        sign=promotion.sign,
        most=_most(promotion),
    )


def _export_members(
    promotion: Promotion,
    pool: _Pool,
    taken: Sequence[int],
    models: Path,
    exported: dict[str, Exported],
) -> int | None:
    """Export those that are not yet; the first whose checkpoint is lost, if one is."""
    members = models / "members"
    members.mkdir(exist_ok=True)
    for member in dict.fromkeys(taken):
        study, trial = pool.runs[member]
        name = f"{study.name}, trial {trial.number}"
        if name not in exported:
            try:
                exported[name] = export_run(promotion, study, trial, members)
            except LostCheckpointError:
                return member
    return None
