"""What has stopping cost? A few stopped trials are trained to the end beside the final runs.

They come last, so that they fill what would be idle. Nothing is chosen by them: they are runs of
NAME.final whose source on record says what they are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from search.decisions.audit import Drawn, audited_trial, draw, source_of, stopped_trials
from search.decisions.history import History, Suggestion, Trial
from search.driver.unrecorded import with_record
from search.promotion.confirm import runs_of
from search.promotion.phases import Promotion, find_phase
from search.record.record import Study
from search.reports.numbers import estimate_text, number_text
from search.statistics.intervals import example_interval
from search.statistics.pseudo_values import values_of
from search.statistics.stopping import Group, stopping_cost

__all__ = ["audit_row", "audit_runs", "describe_audit", "hand_over_checkpoints"]


def audit_runs(promotion: Promotion) -> list[Suggestion]:
    """The runs that are wanted: each goes on as its trial would have, by the same seed."""
    history = promotion.record.history(promotion.study)
    return [
        dataclasses.replace(
            history.trials[drawn.trial].suggestion, trial=-1, source=source_of(drawn.trial)
        )
        for drawn in _drawn(promotion, _stopped(promotion, history))
    ]


def hand_over_checkpoints(
    promotion: Promotion, phase: Study, missing: Sequence[Suggestion]
) -> None:
    """Let those of the missing runs that audit a trial begin where it was stopped.

    The trial's checkpoint, with what its epochs have measured: the run tells of these again, and
    trains on (search/driver/unrecorded.py). One whose checkpoint is gone begins at the start.
    """
    audits = [(run, audited_trial(run)) for run in missing]
    if all(number is None for _, number in audits):
        return
    stopped = promotion.record.history(promotion.study).trials
    for run, number in audits:
        if number is None:
            continue
        trial = stopped[number]
        found = promotion.record.files(promotion.study).load_checkpoint(number, trial.epoch)
        if found is None or found[0] != trial.epoch:
            continue
        state = with_record(found[1], run, trial)
        promotion.record.files(phase).save_checkpoint(state, run.trial, trial.epoch)


def audit_row(promotion: Promotion, best: Trial) -> dict[str, Any]:
    """What the audited trials came to, beside the search's `best`, and what that tells of all."""
    phase = find_phase(promotion, "final")
    assert phase is not None
    searched, history = map(promotion.record.history, (promotion.study, phase))
    stopped = _stopped(promotion, searched)
    drawn = _drawn(promotion, stopped)
    rows = [
        _row(promotion, phase, history, searched.trials[each.trial], each, best) for each in drawn
    ]
    cost = None
    if drawn:
        leads = [math.nan if row["failed"] else promotion.sign * row["minus_best"] for row in rows]
        groups = [
            Group(
                size=next(d.group_size for d in drawn if d.group == group),
                leads=[lead for lead, d in zip(leads, drawn, strict=True) if d.group == group],
            )
            for group in range(drawn[-1].group + 1)
        ]
        cost = dataclasses.asdict(stopping_cost(groups, seed=promotion.study.config.seed))
        cost["lead"] = _signed(cost["lead"], promotion.sign)
    return {
        "stopped": len(stopped),
        "audited": rows,
        "better": [row["trial"] for row in rows if row["better"]],
        "share_better": cost and cost["share_better"],
        "minus_best": cost and cost["lead"],
        "train_s": sum(row["train_s"] for row in rows),
        "longer_s": _longer_s(history),
    }


def describe_audit(row: dict[str, Any], best: Trial) -> list[str]:
    if not row["audited"]:
        why = "" if row["stopped"] else ": no trial was stopped at a rung"
        return [f"what stopping has cost was not audited{why}"]
    lines = [
        f"audit: {len(row['audited'])} of {row['stopped']} trials that were stopped, trained to "
        f"the end ({row['train_s']:.0f} s of training; it ended {row['longer_s']:.0f} s after the "
        "final runs):"
    ]
    for each in row["audited"]:
        told = f"    trial {each['trial']}, stopped at epoch {each['epoch']}"
        if each["failed"]:
            lines.append(f"{told}: it failed")
            continue
        gap = each["minus_best_by_examples"]
        lines.append(
            f"{told}: {number_text(each['value'])}, "
            f"{estimate_text(gap['mean'], gap['low'], gap['high'], signed=True)} from the best"
        )
    for number in row["better"]:
        lines.append(
            f"FOUND: stopped trial {number} ends better than the search's best, trial "
            f"{best.number}. It is no candidate; a study that stops fewer (--scheduler none, a "
            "larger --min-epochs) would have had it"
        )
    share, lead = row["share_better"], row["minus_best"]
    lines.append(
        f"so of all stopped trials {share['mean']:.0%} [{share['low']:.0%}, {share['high']:.0%}] "
        "would have won, and they would have ended "
        + (
            f"{estimate_text(lead['mean'], lead['low'], lead['high'], signed=True)}"
            " from the best on average"
            if not math.isnan(lead["mean"])
            else "nobody knows where"
        )
        + " (weighted by the inverse of the probability to be drawn)"
    )
    return lines


def _stopped(promotion: Promotion, history: History) -> list[Trial]:
    config = promotion.study.config
    return stopped_trials(
        history,
        full_length=len(promotion.task.first_trials(config)),
        max_epochs=config.max_epochs,
    )


def _drawn(promotion: Promotion, stopped: Sequence[Trial]) -> list[Drawn]:
    rungs = {trial.number: trial.epoch for trial in stopped}
    return draw(rungs, count=promotion.audit, seed=promotion.study.config.seed)


def _row(
    promotion: Promotion, phase: Study, history: History, trial: Trial, drawn: Drawn, best: Trial
) -> dict[str, Any]:
    """`history`: of the phase. `trial`: as it was stopped."""
    task = promotion.task
    [run] = runs_of(history, trial.suggestion.config, [trial.suggestion.seed])
    told = [epoch.wall_s for epoch in trial.epochs]
    went_on = [epoch.wall_s for epoch in run.epochs[: trial.epoch]] == told
    row = {
        "trial": drawn.trial,
        "epoch": drawn.rung,
        "probability": drawn.probability,
        "run": run.number,
        "failed": run.epoch < phase.config.max_epochs,
        "train_s": sum(epoch.wall_s for epoch in run.epochs[trial.epoch if went_on else 0 :]),
        "value": None,
        "minus_best": None,
        "minus_best_by_examples": None,
        "better": False,
    }
    if row["failed"]:
        return row
    value = run.value(task.metric)
    predicted = [
        promotion.record.files(study).predictions(number)
        for study, number in ((phase, run.number), (promotion.study, best.number))
    ]
    ours, theirs = values_of(task, promotion.labels, predicted)
    minus_best = value - best.value(task.metric)
    return row | {
        "value": value,
        "minus_best": minus_best,
        "minus_best_by_examples": example_interval(ours - theirs).as_dict(),
        "better": promotion.sign * minus_best > 0,
    }


def _signed(estimate: dict[str, Any], sign: int) -> dict[str, Any]:
    """As the metric has it, of what is better where larger."""
    low, high = estimate["low"], estimate["high"]
    if sign < 0:
        low, high = (None if end is None else -end for end in (high, low))
    return {"mean": sign * estimate["mean"], "low": low, "high": high}


def _longer_s(history: History) -> float:
    """For how long the last session that audited had nothing else to train."""
    audits = [t.ended_at for t in history.trials if audited_trial(t.suggestion) is not None]
    others = [t.ended_at for t in history.trials if audited_trial(t.suggestion) is None]
    ended = max(audits, default=0.0)
    begun = max((span.started for span in history.spans if span.started < ended), default=ended)
    return max(0.0, ended - max([begun, *others]))
