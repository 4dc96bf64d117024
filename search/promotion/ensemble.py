"""What an ensemble of a study's runs would score: shown in every promotion, not yet registered."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from search.decisions.audit import audited_trial
from search.promotion.confirm import top_trials
from search.promotion.phases import Promotion, find_phase, predictions
from search.reports.numbers import estimate_text
from search.statistics.ensemble import best_ensemble

__all__ = ["describe_ensemble", "ensemble_row"]

# Of the search's runs the best so many: each costs some thousand scorings.
MOST_SEARCHED = 20


def ensemble_row(promotion: Promotion) -> dict[str, Any] | None:
    """The best mean of the validation predictions of complete runs: search, confirmation, final.

    None where predictions are no numbers that can be averaged, as labels are.
    """
    studies = [promotion.study, find_phase(promotion, "confirm"), find_phase(promotion, "final")]
    runs, found = [], []
    for study in studies:
        if study is None:
            continue
        history = promotion.record.history(study)
        complete = [
            trial
            for trial in history.trials
            if trial.epoch >= study.config.max_epochs
            and not trial.failed
            # What stopping has cost is told by these; they win nothing.
            and audited_trial(trial.suggestion) is None
        ]
        if study is promotion.study:
            complete = top_trials(
                history,
                promotion.task.metric,
                promotion.sign,
                study.config.max_epochs,
                MOST_SEARCHED,
            )
        runs += [f"{study.name}, trial {trial.number}" for trial in complete]
        found += predictions(promotion, study, complete)
    if not all(np.issubdtype(each.dtype, np.floating) for each in found):
        return None
    ensemble = best_ensemble(
        promotion.task.objective,
        promotion.labels,
        found,
        sign=promotion.sign,
        seed=promotion.study.config.seed,
    )
    return {
        "members": [runs[member] for member in ensemble.members],
        "runs": len(runs),
        "seen": ensemble.seen,
        "score": dataclasses.asdict(ensemble.score),
        "minus_best_run": {
            **dataclasses.asdict(ensemble.gain),
            "beyond_noise": ensemble.gain.beyond_noise,
        },
    }


def describe_ensemble(row: dict[str, Any]) -> str:
    score, gain = row["score"], row["minus_best_run"]
    corrected = estimate_text(score["mean"], score["low"], score["high"])
    lead = estimate_text(gain["mean"], gain["low"], gain["high"], signed=True)
    return (
        f"the mean of {len(row['members'])} of the {row['runs']} runs' predictions (greedy "
        f"selection) would score {corrected} on validation, {lead} from the best run; "
        "corrected for the selection by these examples, not for the luck of these seeds; it is "
        "not registered"
    )
