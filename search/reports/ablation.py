"""What an ablation has found, as a table: printed, kept beside its study, and read again by who
shows it where the study's task is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.files.text import write_whole
from search.record.record import Record
from search.reports.numbers import estimate_text, number_text
from search.statistics.intervals import Estimate
from search.tasks.config import Value

__all__ = ["WINNER", "Ablation", "Effect", "ablation_name", "describe", "keep", "kept_ablation"]

WINNER = "winner"
_FILE = "ablation.json"  # in the folder of predictions, which moves with the study


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the winner's value of one hyperparameter is worth, better being above zero."""

    hyperparameter: str
    winner: Value  # its value there
    base: Value
    # The winner minus itself with the base's value; the base with the winner's value minus itself.
    # None where a run has failed.
    in_winner: Estimate | None
    in_base: Estimate | None
    # Whether each is beyond the noise, all of them considered at once (Holm).
    sure_in_winner: bool
    sure_in_base: bool
    # What else went with it, and its new value.
    with_in_winner: Mapping[str, Value]
    with_in_base: Mapping[str, Value]

    @property
    def change(self) -> str:
        """As "hidden: 64 → 80"."""
        return f"{self.hyperparameter}: {_short(self.base)} → {_short(self.winner)}"


def _short(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The table, the most valuable change first."""

    study: str  # that trained it
    metric: str
    seeds: int
    trial: int  # the winner
    base: str
    scores: Mapping[str, Sequence[float]]  # of each point, one a seed; failed ones are not there
    whole: Estimate | None  # the winner minus the base
    effects: Sequence[Effect]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""

        def shown(estimate: Estimate | None, sure: bool) -> dict[str, Any] | None:
            return None if estimate is None else {**estimate.as_dict(), "beyond_noise": sure}

        return {
            "study": self.study,
            "metric": self.metric,
            "seeds": self.seeds,
            "winner": self.trial,
            "base": self.base,
            "scores": {name: list(scores) for name, scores in self.scores.items()},
            "winner_minus_base": None if self.whole is None else self.whole.as_dict(),
            "effects": [
                {
                    "hyperparameter": each.hyperparameter,
                    "winner": each.winner,
                    "base": each.base,
                    "in_winner": shown(each.in_winner, each.sure_in_winner),
                    "in_base": shown(each.in_base, each.sure_in_base),
                    "with_in_winner": dict(each.with_in_winner),
                    "with_in_base": dict(each.with_in_base),
                }
                for each in self.effects
            ],
        }


def ablation_name(study: str) -> str:
    """Of the study that trains the ablation of the one of that name."""
    return f"{study}-ablation"


def keep(folder: Path, ablation: Ablation) -> bool:
    """Whether it was not known so yet. `folder`: of the study that trained it. Raises OSError."""
    path, text = folder / "predictions" / _FILE, json.dumps(ablation.as_dict())
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_whole(text, path)
    return True


def kept_ablation(record: Record, name: str, trials: Sequence[Trial]) -> Ablation | None:
    """Of the study of that name, or that it trained itself. None where there is none, where it is
    of another study that had this name, or no such file: it may be somebody else's. `trials`: the
    study's."""
    own = _read(record.study_folder(name))
    if own is not None and own.study == name:
        return own
    other = ablation_name(name)
    found = _read(record.study_folder(other)) if other in record.names() else None
    if found is None or found.trial >= len(trials):
        return None
    config = trials[found.trial].suggestion.config
    same = all(config.get(each.hyperparameter) == each.winner for each in found.effects)
    return found if same else None


def _read(folder: Path) -> Ablation | None:
    try:
        kept = json.loads((folder / "predictions" / _FILE).read_text(encoding="utf-8"))
        return Ablation(
            study=str(kept["study"]),
            metric=str(kept["metric"]),
            seeds=int(kept["seeds"]),
            trial=int(kept["winner"]),
            base=str(kept["base"]),
            scores={str(n): [float(s) for s in each] for n, each in kept["scores"].items()},
            whole=_estimate(kept["winner_minus_base"]),
            effects=[_effect(each) for each in kept["effects"]],
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _effect(kept: Mapping[str, Any]) -> Effect:
    in_winner, in_base = kept["in_winner"], kept["in_base"]
    return Effect(
        hyperparameter=str(kept["hyperparameter"]),
        winner=kept["winner"],
        base=kept["base"],
        in_winner=_estimate(in_winner),
        in_base=_estimate(in_base),
        sure_in_winner=in_winner is not None and in_winner["beyond_noise"] is True,
        sure_in_base=in_base is not None and in_base["beyond_noise"] is True,
        with_in_winner=dict(kept["with_in_winner"]),
        with_in_base=dict(kept["with_in_base"]),
    )


def _estimate(kept: Mapping[str, Any] | None) -> Estimate | None:
    if kept is None:
        return None
    low, high = (None if kept[end] is None else float(kept[end]) for end in ("low", "high"))
    return Estimate(mean=float(kept["mean"]), low=low, high=high)


def describe(ablation: Ablation) -> str:
    """The table for a terminal."""
    lines = []
    for name, told in ((WINNER, f", trial {ablation.trial} of its study"), (ablation.base, "")):
        scores = ablation.scores.get(name, ())
        shown = "unknown, each of its runs has failed"
        if scores:
            shown = f"{number_text(float(np.mean(scores)))} (mean of {len(scores)} runs)"
        lines.append(f"{name}: {ablation.metric} {shown}{told}")
    if ablation.whole is not None:
        lines.append(f"difference: {_text(ablation.whole)}")
    lines += [
        "",
        "what each change is worth, better being above zero (95%, "
        f"{ablation.seeds} seeds; * beyond the noise, all {2 * len(ablation.effects)} at once):",
    ]
    for effect in ablation.effects:
        lines.append(effect.change)
        for where, estimate, sure, others in (
            ("in the winner", effect.in_winner, effect.sure_in_winner, effect.with_in_winner),
            (f"in {ablation.base}", effect.in_base, effect.sure_in_base, effect.with_in_base),
        ):
            told = "a run has failed" if estimate is None else _text(estimate)
            mark = " *" if sure else ""
            along = ", ".join(f"{name} = {_short(value)}" for name, value in others.items())
            lines.append(f"    {where}: {told}{mark}" + (f"  (with {along})" if along else ""))
    return "\n".join(lines)


def _text(estimate: Estimate) -> str:
    return estimate_text(estimate.mean, estimate.low, estimate.high, signed=True)
