"""From the best of many noisy trials to a registered model whose score can be believed.

correct (no training) → confirm (race the best trials on fresh seeds) → choose the candidate → final
(further seeds) → read the test split once → register. Confirmation and final runs are studies of
their own (search/promotion/phases.py), so a promotion goes on where it was killed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from search.decisions.history import History, Suggestion, Trial
from search.errors import EndedEarly, RecordError
from search.models import test_split
from search.promotion.audit import audit_row, describe_audit
from search.promotion.confirm import (
    Confirmation,
    Contender,
    choose,
    runs_of,
    score_of,
    top_trials,
    within_reach,
)
from search.promotion.ensemble import check_ensemble
from search.promotion.final import finalise
from search.promotion.phases import (
    Drive,
    Promotion,
    find_phase,
    predictions,
    run_phase,
    wall_s,
    wanted_run,
)
from search.promotion.race import FIRST_SEEDS, Race, race
from search.promotion.verdict import describe_confirmation, race_row, rows
from search.promotion.wear import validation_wear
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
    complete = _complete(promotion)
    if not complete:
        raise RecordError(f"study {promotion.study.name} has no complete trial to promote")
    if promotion.ensemble:
        check_ensemble(promotion, complete[0])


def promote(promotion: Promotion, drive: Drive, say: Callable[[str], None]) -> dict[str, Any]:
    """The result as one JSON object (search/promotion/README.md).

    `drive(study, given, trials)` works on a phase's study until no more are given; it may raise
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
    confirmation = _confirm(promotion, complete, drive, say)
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
            "expected": confirmation.expected_of_candidate,
            "why": confirmation.why,
        },
        "search": {"value": complete[0].value(task.metric), "trial": complete[0].number},
        "corrected": dataclasses.asdict(corrected),
        "optimism": optimism(
            promotion.sign * (complete[0].value(task.metric) - corrected.mean),
            [contender.values for contender in confirmation.contenders],
            complete=len(complete),
            tried=promotion.record.history(study).trained,
        ),
        "fresh": {
            "mean": candidate.mean,
            "sd": confirmation.sd,
            "n": len(candidate.fresh),
            "optimism": candidate.optimism,
        },
        "confirmed": rows(confirmation),
        "race": race_row(confirmation, promotion.runs),
    }
    result |= finalise(promotion, candidate, drive, say, result)
    audit = audit_row(promotion, complete[0])
    for line in describe_audit(audit, complete[0]):
        say(line)
    wear = validation_wear(promotion)
    say(str(wear))
    result["validation_wear"] = {
        "studies": wear.studies,
        "elsewhere": wear.elsewhere,
        "compared": wear.compared,
        "chance_false_better": wear.chance,
        "worn": wear.worn,
    }
    return result | {"audit": audit}


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
    promotion: Promotion, complete: Sequence[Trial], drive: Drive, say: Callable[[str], None]
) -> Confirmation:
    """Race the top trials on fresh seeds, the same for all, and choose."""
    top = _contenders(promotion, complete[: min(promotion.top, promotion.runs // FIRST_SEEDS)], say)
    contest = _Contest(promotion, top)
    phase = run_phase(promotion, "confirm", contest.wanted, drive, most=promotion.runs)
    history = promotion.record.history(phase)
    ended = contest.follow(history, 0)
    for trial in (trial for c, trial in enumerate(top) if c not in ended.alive):
        say(f"trial {trial.number} failed on a fresh seed: no candidate")
    if not ended.alive:
        raise EndedEarly("failed", f"every trial fails on fresh seeds: see {phase.name}")
    contenders = []
    for c in ended.alive:
        config = top[c].suggestion.config
        runs = runs_of(history, config, [contest.seed(k) for k in range(ended.counts[c])])
        found = predictions(promotion, phase, runs)
        contenders.append(
            Contender(
                trial=top[c].number,
                config=config,
                search=top[c].value(promotion.task.metric),
                fresh=[run.value(promotion.task.metric) for run in runs],
                values=values_of(promotion.task, promotion.labels, found),
                wall_s=wall_s(runs),
                sign=promotion.sign,
            )
        )
    return choose(contenders, ended, prefer=promotion.prefer)


def _contenders(
    promotion: Promotion, top: Sequence[Trial], say: Callable[[str], None]
) -> list[Trial]:
    files = promotion.record.files(promotion.study)
    predicted = (files.predictions(trial.number) for trial in top)
    reach = within_reach(values_of(promotion.task, promotion.labels, predicted))
    for c in sorted(set(range(len(top))) - set(reach)):
        say(f"trial {top[c].number} is too far behind to be the best by other seeds: not raced")
    return [top[c] for c in reach]


@dataclass(frozen=True)
class _Contest:
    """The race of these trials, as the confirmation's history tells it."""

    promotion: Promotion
    top: Sequence[Trial]

    def seed(self, k: int) -> int:
        return derive(self.promotion.study.config.seed, "confirm", k)

    def follow(self, history: History, begun: int) -> Race:
        """`begun`: as in `score_of`."""
        config, sign = self.promotion.study.config, self.promotion.sign
        metric = self.promotion.task.metric

        def score(c: int, k: int) -> float | None:
            found = score_of(
                history,
                self.top[c].suggestion.config,
                self.seed(k),
                metric=metric,
                max_epochs=config.max_epochs,
                begun=begun,
            )
            return None if found is None else sign * found

        return race(
            [sign * trial.value(metric) for trial in self.top],
            score,
            runs=self.promotion.runs,
            batch=config.workers,
            tolerance=self.promotion.tolerance,
            seed=config.seed,
        )

    def wanted(self, history: History, begun: int) -> list[Suggestion]:
        """All runs that are asked for so far, the longest first, so that workers end together."""
        counts = self.follow(history, begun).counts
        longest_first = sorted(range(len(self.top)), key=lambda c: -wall_s([self.top[c]]))
        return [
            wanted_run(self.top[c].number, self.top[c].suggestion.config, self.seed(k))
            for c in longest_first
            for k in range(counts[c])
        ]
