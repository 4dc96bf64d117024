"""A study's trials as Optuna keeps them: each as it was drawn and as it went. Pure.

Other than the sampler is shown them (search/decisions/sampler.py): with their own ranges, curves,
times and ends.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from search.decisions.drawing import Space, known_parameters
from search.decisions.history import History, Trial
from search.decisions.kinds import Kinds, kind_of
from search.files.text import writable
from search.tasks.config import Value

__all__ = ["FIXED", "METRIC", "OptunaTrials"]

# User attributes of a trial: each metric at its last epoch, and hyperparameters that are not drawn.
METRIC, FIXED = "metric.", "fixed"

# One that may still go on is a running one: Optuna never changes a trial that has ended.
_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "paused": TrialState.RUNNING,
    "running": TrialState.RUNNING,
}
_MOST_OF_A_NAME = 250  # characters; Optuna's tables hold 512
_LARGEST = 2**63 - 1  # of a whole number; a larger one is shown as text


class OptunaTrials:
    """The trials of a history, and by what names Optuna knows their hyperparameters."""

    def __init__(
        self,
        history: History,
        states: Iterable[str],
        *,
        metric: str,
        space: Space | None,
        fixed: Mapping[str, Value],
    ) -> None:
        """`states`: of each trial. `space`: None where it is not known: then a hyperparameter's
        range is that of the values it has had."""
        self._metric = metric
        self._kinds = Kinds()
        self._seen = _ranges_of_values(trial.suggestion.config for trial in history.trials)
        self.names: dict[str, str] = {}  # of Optuna's, where they are others: ours
        frozen = tuple(sorted(fixed.items()))
        draws = [_drawn(trial, space, frozen) for trial in history.trials]
        # First: a name stands for the kind of range that the space gives it.
        named = [drawn and self._named(*drawn) for drawn in draws]
        self.trials = [
            self._trial(trial, state, drawn or self._from_values(trial))
            for trial, state, drawn in zip(history.trials, states, named, strict=True)
        ]

    def _from_values(self, trial: Trial) -> tuple[dict[str, Value], dict[str, BaseDistribution]]:
        """Of a trial that is not from the space as it is here."""
        config = trial.suggestion.config
        ranges = {name: self._seen[name] for name in config}
        values = {n: _as_range(v, ranges[n]) for n, v in config.items()}
        return self._named(values, ranges)

    def _named(
        self, values: Mapping[str, Value], ranges: Mapping[str, BaseDistribution]
    ) -> tuple[dict[str, Value], dict[str, BaseDistribution]]:
        known = {}
        for name, own in ranges.items():
            known[name] = _short(self._kinds.qualify(name, kind_of(own)))
            if known[name] != name:
                self.names[known[name]] = writable(name)
        return (
            {known[name]: value for name, value in values.items()},
            {known[name]: own for name, own in ranges.items()},
        )

    def _trial(
        self, trial: Trial, state: str, drawn: tuple[dict[str, Value], dict[str, BaseDistribution]]
    ) -> FrozenTrial:
        params, ranges = drawn
        became = _STATES[state]
        curve = {epoch.epoch: epoch.metrics.get(self._metric) for epoch in trial.epochs}
        known = {epoch: value for epoch, value in curve.items() if value is not None}
        ended = became in (TrialState.COMPLETE, TrialState.PRUNED)
        return FrozenTrial(
            number=trial.number,
            trial_id=trial.number,
            state=became,
            value=known.get(trial.epoch) if ended else None,
            datetime_start=datetime.datetime.fromtimestamp(trial.started_at),
            datetime_complete=(
                datetime.datetime.fromtimestamp(trial.ended_at) if became.is_finished() else None
            ),
            params=params,
            distributions=ranges,
            user_attrs=self._attributes(trial, state, params),
            system_attrs={},
            intermediate_values=known,
        )

    def _attributes(self, trial: Trial, state: str, params: Mapping[str, Value]) -> dict[str, Any]:
        drawn = {self.names.get(name, name) for name in params}
        last = trial.epochs[-1].metrics if trial.epochs else {}
        # One attribute each takes Optuna's database 3 ms.
        fixed = {
            writable(name): _plain(value)
            for name, value in trial.suggestion.config.items()
            if writable(name) not in drawn
        }
        found: dict[str, Any] = {
            "state": state,
            "source": trial.suggestion.source,
            "seed": trial.suggestion.seed,
            "cpu_s": round(sum(epoch.cpu_s for epoch in trial.epochs), 3),
            **{f"{METRIC}{name}": value for name, value in last.items()},
        }
        if fixed:
            found[FIXED] = fixed
        if trial.failures:
            found["reason"] = writable(trial.failures[-1].reason)
        return {_short(name): _writable(value) for name, value in found.items()}


def _drawn(
    trial: Trial, space: Space | None, fixed: tuple[tuple[str, Value], ...]
) -> tuple[dict[str, Value], dict[str, BaseDistribution]] | None:
    if space is None:
        return None
    refused = trial.failed and not trial.target
    config = tuple(trial.suggestion.config.items())
    return known_parameters(config, refused=refused, space=space, fixed=fixed)


def _ranges_of_values(configs: Iterable[Mapping[str, Value]]) -> dict[str, BaseDistribution]:
    """The smallest range of each hyperparameter that holds all its values: of numbers from the
    least to the most, else a choice among them."""
    values: dict[str, list[Value]] = {}
    for config in configs:
        for name, value in config.items():
            values.setdefault(name, []).append(value)
    return {name: _range_of(found) for name, found in values.items()}


def _range_of(values: list[Value]) -> BaseDistribution:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or any(abs(v) > _LARGEST for v in numbers):
        # By type too: True is no 1.
        different = {(type(value), value): _plain(value) for value in values}
        return CategoricalDistribution(list(dict.fromkeys(different.values())))
    if all(isinstance(number, int) for number in numbers):
        return IntDistribution(int(min(numbers)), int(max(numbers)))
    return FloatDistribution(float(min(numbers)), float(max(numbers)))


def _as_range(value: Value, own: BaseDistribution) -> Value:
    return _plain(value) if isinstance(own, CategoricalDistribution) else value


def _plain(value: Value) -> Value:
    """What JSON and every database hold: neither infinite, nor beyond 64 bits."""
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        return str(value)
    return writable(value) if isinstance(value, str) else value


def _writable(value: Any) -> Any:
    return writable(value) if isinstance(value, str) else value


def _short(name: str) -> str:
    name = writable(name)
    if len(name) <= _MOST_OF_A_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _MOST_OF_A_NAME - 9]}-{digest}"
