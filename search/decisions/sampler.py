"""Suggestion n, as a function of the record. Optuna proposes; nothing is kept between two calls.

Each suggestion uses a fresh sampler seeded by (study seed, n) over an in-memory Optuna study that
mirrors the history, so that the same record gives the same suggestion in any process.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import warnings
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from search.decisions.history import History, Trial
from search.decisions.ranking import Ranking
from search.tasks.config import Sampler, Value
from trainables.seeding import derive

__all__ = ["Space", "draw", "suggest", "valued", "why_not_learnt"]

Space = Callable[[Any], dict[str, Any]]  # define-by-run: an optuna trial → what it draws

BEST_SEEN, NEWEST_SEEN = 50, 200
# ^ the history a suggestion sees: so many best trials, and so many newest of the others. TPE models
#   at most 25 good ones, and its cost grows with all that it sees.

_NO_TIME = datetime.datetime(2000, 1, 1)  # Optuna wants one; nothing depends on it

optuna.logging.set_verbosity(optuna.logging.WARNING)


def suggest(
    number: int,
    ranked: Ranking,
    *,
    space: Space,
    fixed: Mapping[str, Value],
    sampler: Sampler,
    seed: int,
) -> dict[str, Value]:
    """What the space draws for trial `number`, given the trials that have a value (`valued`).

    TPE: Bergstra et al. 2011; multivariate, with constant liar for the trials still running.
    """
    own_seed = derive(seed, "suggest", number) % 2**32
    seen: list[FrozenTrial] = []
    chosen: BaseSampler = RandomSampler(seed=own_seed)
    if sampler == "tpe":
        chosen = tpe(own_seed)
        seen = mirror(_seen(ranked), space=space, fixed=fixed, value=ranked.value)
    study = optuna.create_study(direction="maximize", sampler=chosen, storage=_Mirrored(seen))
    return draw(study.ask(), space, fixed)


def valued(history: History, value: Callable[[Trial], float]) -> Ranking:
    """The trials that have a value. `value(trial)` is the objective, larger is better."""
    return Ranking(history, counts=lambda t: bool(t.epochs) and not t.failed, value=value)


def draw(trial: Any, space: Space, fixed: Mapping[str, Value]) -> dict[str, Value]:
    """What the space draws through `trial`, but for the values that are fixed."""
    return space(_PartlyFixed(trial, fixed))


def mirror(
    trials: list[Trial],
    *,
    space: Space,
    fixed: Mapping[str, Value],
    value: Callable[[Trial], float],
) -> list[FrozenTrial]:
    """The trials as Optuna knows them.

    A paused trial is a finished one with the value it has: Optuna ranks pruned trials behind all
    complete ones, so that a poor baseline run in full would count as better than a good trial at
    its first rung. A failed one has the worst value seen, since Optuna ignores failed trials and
    would propose their region again.
    """
    values = {trial.number: value(trial) for trial in trials if trial.epochs and not trial.failed}
    worst = min(values.values(), default=0.0)
    mirrored = []
    frozen_space = tuple(sorted(fixed.items()))
    drew = [
        _parameters(tuple(trial.suggestion.config.items()), space=space, fixed=frozen_space)
        for trial in trials
    ]
    widened = _widened(parameters[1] for parameters in drew if parameters)
    for trial, parameters in zip(trials, drew, strict=True):
        if parameters is None:
            continue
        drawn, ranges = parameters
        known = worst if trial.failed else values.get(trial.number)
        mirrored.append(
            FrozenTrial(
                number=trial.number + 1,  # the one that is asked for is number 0
                trial_id=trial.number + 1,
                state=TrialState.RUNNING if known is None else TrialState.COMPLETE,
                value=known,
                datetime_start=_NO_TIME,
                datetime_complete=None if known is None else _NO_TIME,
                params=drawn,
                distributions={name: widened.get(name, own) for name, own in ranges.items()},
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
        )
    return mirrored


def _widened(ranges: Iterable[Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """Of each number whose range depends on what else was drawn, the range that holds all.

    With `group`, Optuna takes that of the first trial for all, and proposes nothing beyond it. A
    proposal that is outside of the range where it is used is drawn independently instead.
    """
    widest: dict[str, Any] = {}
    widened = set()
    for name, own in itertools.chain.from_iterable(each.items() for each in ranges):
        known = widest.setdefault(name, own)
        if known is own or isinstance(own, CategoricalDistribution):
            continue
        if (known.log, known.step) == (own.log, own.step) and _on_one_grid(known, own):
            low, high = min(known.low, own.low), max(known.high, own.high)
            widest[name] = _one(type(own)(low, high, log=own.log, step=own.step))
            widened.add(name)
    return {name: widest[name] for name in widened}


def _on_one_grid(first: Any, second: Any) -> bool:
    if first.step is None:
        return True
    steps = float((second.low - first.low) / first.step)
    return abs(steps - round(steps)) < 1e-6


def tpe(seed: int) -> TPESampler:
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


def _seen(ranked: Ranking) -> list[Trial]:
    """In the order of their numbers."""
    trials = ranked.history.trials
    kept = {trial.number for trial in ranked.top(BEST_SEEN)}
    others = (trial.number for trial in reversed(trials) if trial.number not in kept)
    kept.update(list(itertools.islice(others, NEWEST_SEEN)))
    return [trials[number] for number in sorted(kept)]


@functools.lru_cache(maxsize=2 * (BEST_SEEN + NEWEST_SEEN))
def _parameters(
    config: tuple[tuple[str, Value], ...], *, space: Space, fixed: tuple[tuple[str, Value], ...]
) -> tuple[dict[str, Value], dict[str, BaseDistribution]] | None:
    """What a trial drew, and the range of each; None if it lies outside the space."""
    values = dict(config)
    if any(values.get(name, value) != value for name, value in fixed):
        return None  # a named point that is run as it stands, whatever is fixed
    try:
        ranges = _redrawn(values, space, dict(fixed)).distributions
    except (UserWarning, ValueError):
        return None
    return {name: values[name] for name in ranges}, {n: _one(r) for n, r in ranges.items()}


@functools.lru_cache
def _one(distribution: BaseDistribution) -> BaseDistribution:
    """Equal ranges as one object, which is told apart quickly."""
    return distribution


def _redrawn(values: dict[str, Value], space: Space, fixed: Mapping[str, Value]) -> FixedTrial:
    """A trial that has drawn these values. Raises UserWarning or ValueError, as FixedTrial does,
    where one is missing or outside its range."""
    drawing = FixedTrial(values)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("error", message=".*out of the range", category=UserWarning)
        draw(drawing, space, fixed)
    return drawing


def why_not_learnt(
    values: dict[str, Value], *, space: Space, fixed: Mapping[str, Value]
) -> str | None:
    """Why trials with such values, drawn from the space, say nothing to the sampler; else None."""
    try:
        _redrawn(values, space, fixed)
    except (UserWarning, ValueError) as error:
        return " ".join(str(error).split())
    return None


class _Mirrored(InMemoryStorage):
    """Shows the mirrored trials as they are: an Optuna study would copy each, which takes longer
    than TPE does."""

    def __init__(self, trials: list[FrozenTrial]) -> None:
        super().__init__()
        self._mirrored = trials

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return [trial for trial in self._mirrored if states is None or trial.state in states]


class _PartlyFixed:
    """An Optuna trial that answers with a fixed value where there is one, and draws elsewhere."""

    def __init__(self, trial: Any, fixed: Mapping[str, Value]) -> None:
        self._trial = trial
        self._fixed = fixed

    def __getattr__(self, method: str) -> Any:
        if not method.startswith("suggest_"):
            return getattr(self._trial, method)

        def suggest(name: str, *range_: Any, **options: Any) -> Any:
            if name in self._fixed:
                return self._fixed[name]
            return getattr(self._trial, method)(name, *range_, **options)

        return suggest
