"""From the best of many noisy trials to a registered model whose score can be believed.

correct (no training) → confirm (the best trials on fresh seeds) → choose the candidate → final
(further seeds) → read the test split once → register. Confirmation and final runs are studies of
their own (search/promotion/phases.py), so a promotion goes on where it was killed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from search.decisions.history import Trial
from search.errors import EndedEarly, RecordError
from search.models import test_split
from search.promotion.confirm import Confirmation, Contender, choose, top_trials
from search.promotion.final import finalise
from search.promotion.phases import (
    Drive,
    Promotion,
    cost_s,
    find_phase,
    finished,
    predictions,
    run_phase,
    wanted_run,
)
from search.promotion.verdict import describe_confirmation, rows
from search.reports.claims import MOST_CONSIDERED
from search.reports.numbers import estimate_text, number_text
from search.statistics.pseudo_values import values_of
from search.statistics.selection import corrected_score, optimism
from trainables.seeding import derive

__all__ = ["check", "promote"]


def check(promotion: Promotion) -> None:
    """Raises ValueError for what would end a promotion after its training, and is known before."""
    task = promotion.task
    task.model_module()
    test_split.check(task.testable_data(), promotion.study.config.dataset, promotion.data_dir)
    for phase in ("confirm", "final"):
        find_phase(promotion, phase)
    if not _complete(promotion):
        raise RecordError(f"study {promotion.study.name} has no complete trial to promote")


def promote(promotion: Promotion, drive: Drive, say: Callable[[str], None]) -> dict[str, Any]:
    """The result as one JSON object (search/promotion/README.md).

    `drive(study, suggestions)` works on a phase's study until its runs are done; it may raise
    EndedEarly, after which the same promotion goes on, and so may this, where runs fail. Raises
    ValueError. `check` comes first.
    """
    study, task, config = promotion.study, promotion.task, promotion.study.config
    complete = _complete(promotion)
    files = promotion.record.files(study)
    corrected = corrected_score(
        values_of(
            task,
            promotion.labels,
            (files.predictions(trial.number) for trial in complete[:MOST_CONSIDERED]),
        ),
        sign=promotion.sign,
        seed=config.seed,
    )
    best = number_text(complete[0].value(task.metric))
    say(f"search: {task.metric} {best} (trial {complete[0].number})")
    say(
        f"corrected for the choice among {len(complete)} trials: "
        + estimate_text(corrected.mean, corrected.low, corrected.high)
    )
    confirmation = _confirm(promotion, complete[: promotion.top], drive, say)
    for line in describe_confirmation(confirmation):
        say(line)
    candidate = confirmation.candidate
    result = {
        "study": study.name,
        "metric": task.metric,
        "candidate": {
            "trial": candidate.trial,
            "config": dict(candidate.config),
            "search": candidate.search,
            "why": confirmation.why,
        },
        "search": {"value": complete[0].value(task.metric), "trial": complete[0].number},
        "corrected": dataclasses.asdict(corrected),
        "optimism": optimism(
            promotion.sign * (complete[0].value(task.metric) - corrected.mean),
            [contender.values for contender in confirmation.contenders],
        ),
        "fresh": {
            "mean": candidate.mean,
            "sd": confirmation.sd,
            "n": len(candidate.fresh),
            "optimism": candidate.optimism,
        },
        "confirmed": rows(confirmation),
    }
    return result | finalise(promotion, candidate, drive, say, result)


def _complete(promotion: Promotion) -> list[Trial]:
    """The study's complete trials, the best first."""
    task, history = promotion.task, promotion.record.history(promotion.study)
    return top_trials(
        history,
        task.metric,
        promotion.sign,
        promotion.study.config.max_epochs,
        len(history.trials),
    )


def _confirm(
    promotion: Promotion, top: Sequence[Trial], drive: Drive, say: Callable[[str], None]
) -> Confirmation:
    """Train the top trials in full on fresh seeds, the same for all, and choose."""
    config, task = promotion.study.config, promotion.task
    seeds = [derive(config.seed, "confirm", k) for k in range(promotion.seeds)]
    longest_first = sorted(top, key=lambda trial: -cost_s([trial]))  # workers end together
    wanted = [
        wanted_run(trial.number, trial.suggestion.config, s)
        for trial in longest_first
        for s in seeds
    ]
    phase = run_phase(promotion, "confirm", wanted, drive)
    contenders = []
    for trial in top:
        runs = finished(promotion, phase, trial.suggestion.config, seeds)
        if runs is None:
            say(f"trial {trial.number} failed on a fresh seed: no candidate")
            continue
        contenders.append(
            Contender(
                trial=trial.number,
                config=trial.suggestion.config,
                search=trial.value(task.metric),
                fresh=[run.value(task.metric) for run in runs],
                values=values_of(task, promotion.labels, predictions(promotion, phase, runs)),
                cost_s=cost_s(runs),
                sign=promotion.sign,
            )
        )
    if not contenders:
        raise EndedEarly("failed", f"every trial fails on fresh seeds: see {phase.name}")
    return choose(contenders, sign=promotion.sign)
