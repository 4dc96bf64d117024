"""Suggestion n, as a function of the record. Optuna proposes; nothing is kept between two calls.

Each suggestion uses a fresh sampler seeded by (study seed, n) over an in-memory Optuna study that
mirrors the history, so that the same record gives the same suggestion in any process.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from search.decisions.drawing import (
    PartlyFixed,
    Space,
    known_parameters,
    shared,
    why_outside_space,
)
from search.decisions.history import History, Trial
from search.decisions.kinds import Kinds
from search.decisions.own import SeenTrial, called, seen_trial
from search.decisions.ranking import Ranking
from search.errors import UserError
from search.tasks.config import Value
from search.tasks.own_names import is_own
from trainables.seeding import derive

__all__ = [
    "SAMPLERS",
    "Asked",
    "RefusedDrawError",
    "draw_at_random",
    "rank_trials",
    "seen_trials",
    "suggest",
]

# The history that a suggestion sees: so many best trials, and so many newest of the others. TPE
# models at most 25 good ones, and its cost grows with all that it sees.
BEST_SEEN, NEWEST_SEEN = 50, 200

_NO_TIME = datetime.datetime(2000, 1, 1)  # Optuna wants one; nothing depends on it

optuna.logging.set_verbosity(optuna.logging.WARNING)
# What is drawn is looked at, and refused in one line (search/tasks/plain_value.py).
warnings.filterwarnings("ignore", message="Choices for a categorical distribution", module="optuna")


class RefusedDrawError(Exception):
    """The space raised its cause. `drawn`: what it had drawn until then, by name."""

    def __init__(self, drawn: dict[str, Value]) -> None:
        super().__init__("the space raises")
        self.drawn = drawn


def suggest(
    number: int,
    ranked: Ranking,
    *,
    space: Space,
    fixed: Mapping[str, Value],
    sampler: str,
    seed: int,
    known: Sequence[Trial] = (),
) -> dict[str, Value]:
    """What the space draws for trial `number`, by name; fixed values are in it too.

    `ranked`: the trials that have a value (`rank_trials`). `fixed`: values that are not drawn.
    `seed`: the study's. `known`: trials of before the study, with numbers below 0 (warm_start.py).
    "tpe": the tree-structured Parzen estimator (Bergstra et al. 2011,
    Algorithms for Hyper-Parameter Optimization), multivariate (as in Falkner et al. 2018,
    arXiv:1807.01774), grouped, with a constant liar for the trials still running. `sampler`: a name
    of SAMPLERS, or a user's own as module:FUNCTION (own.py).
    Raises UserError, of a user's own; RefusedDrawError for whatever the space raises.
    """
    asked = Asked(number, ranked, space, fixed, derive(seed, "suggest", number) % 2**32, known)
    if not is_own(sampler):
        return SAMPLERS[sampler](asked)
    drawn = called("sampler", sampler, asked)
    if not isinstance(drawn, dict):
        kind = type(drawn).__name__
        raise UserError(f"sampler {sampler} must give a dict of what it draws, got {kind}")
    if why := why_outside_space(drawn, space=space, fixed=fixed):
        raise UserError(f"sampler {sampler} gives what is outside the space: {why}")
    return drawn


class Asked:
    """What a sampler is asked, and given: it gives the values of one trial, by name.

    Public: `number` of the trial, `seed` of this draw, `trials`, `space`, `fixed`, `draw`.
    """

    def __init__(
        self,
        number: int,
        ranked: Ranking,
        space: Space,
        fixed: Mapping[str, Value],
        seed: int,
        known: Sequence[Trial],
    ) -> None:
        self.number, self.seed = number, seed
        self.space, self.fixed = space, fixed
        self._ranked, self._known = ranked, known

    @functools.cached_property
    def trials(self) -> list[SeenTrial]:
        """The study's, by number, and before them what is known from before, numbered below 0: each
        with one score, that of its last epoch. A paused trial may be pruned later."""
        trials = [*self._known, *self._ranked.history.trials]
        value = self._ranked.value
        return [seen_trial(t, [value(t)] if t.epochs else []) for t in trials]

    def draw(self, sampler: BaseSampler, *, learns: bool = True) -> dict[str, Value]:
        """What the space draws by a sampler of Optuna's, which is shown the trials (`mirror`) as
        long as it `learns`; it maximises. Raises RefusedDrawError."""
        mirrored: list[FrozenTrial] = []
        kinds = Kinds()
        if learns:
            trials = [*self._known, *seen_trials(self._ranked)]
            mirrored = mirror(
                trials, space=self.space, fixed=self.fixed, value=self._ranked.value, kinds=kinds
            )
        study = optuna.create_study(
            direction="maximize", sampler=sampler, storage=MirrorStorage(mirrored)
        )
        trial = PartlyFixed(study.ask(), self.fixed, kinds)
        try:
            drawn = self.space(trial)
            if not isinstance(drawn, dict):
                kind = type(drawn).__name__
                raise TypeError(f"a space returns a dict of what it has drawn, got {kind}")
        except BaseException as error:
            raise RefusedDrawError(dict(trial.params)) from error
        return drawn


def draw_at_random(
    number: int, *, space: Space, fixed: Mapping[str, Value], seed: int
) -> dict[str, Value]:
    """As `suggest`, where no trial is known."""
    nothing = rank_trials(History(), lambda trial: 0.0)
    return suggest(number, nothing, space=space, fixed=fixed, sampler="random", seed=seed)


def rank_trials(history: History, value: Callable[[Trial], float]) -> Ranking:
    """The trials that have a value, best first. `value(trial)`: the objective, larger is better."""
    return Ranking(history, counts=lambda t: bool(t.epochs) and not t.failed, value=value)


def mirror(
    trials: list[Trial],
    *,
    space: Space,
    fixed: Mapping[str, Value],
    value: Callable[[Trial], float],
    kinds: Kinds,
) -> list[FrozenTrial]:
    """The trials as Optuna is shown them. `kinds` learns by what names.

    A paused trial is a finished one with the value it has: Optuna ranks pruned trials behind all
    complete ones, so that a poor baseline run in full would count as better than a good trial at
    its first rung. A failed one has the worst value seen, since Optuna ignores failed trials and
    would propose their region again.
    """
    values = {trial.number: value(trial) for trial in trials if trial.epochs and not trial.failed}
    worst = min(values.values(), default=0.0)
    mirrored = []
    frozen_space = tuple(sorted(fixed.items()))
    draws = []
    for trial in trials:
        config = tuple(trial.suggestion.config.items())
        refused = trial.failed and not trial.target
        known = known_parameters(config, refused=refused, space=space, fixed=frozen_space)
        draws.append(known and tuple(kinds.qualified(each, known[1]) for each in known))
    widened = _widened(parameters[1] for parameters in draws if parameters)
    for trial, parameters in zip(trials, draws, strict=True):
        if parameters is None:
            continue
        drawn, ranges = parameters
        score = worst if trial.failed else values.get(trial.number)
        mirrored.append(
            FrozenTrial(
                number=trial.number + 1,  # the one that is asked for is number 0
                trial_id=trial.number + 1,
                state=TrialState.RUNNING if score is None else TrialState.COMPLETE,
                value=score,
                datetime_start=_NO_TIME,
                datetime_complete=None if score is None else _NO_TIME,
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
            widest[name] = shared(type(own)(low, high, log=own.log, step=own.step))
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


def seen_trials(ranked: Ranking) -> list[Trial]:
    """Those that a suggestion sees, in the order of their numbers."""
    trials = ranked.history.trials
    kept = {trial.number for trial in ranked.top(BEST_SEEN)}
    others = (trial.number for trial in reversed(trials) if trial.number not in kept)
    kept.update(list(itertools.islice(others, NEWEST_SEEN)))
    return [trials[number] for number in sorted(kept)]


# The one table: a new sampler is a line here, and a name in `Sampler` (search/tasks/config.py).
SAMPLERS: Mapping[str, Callable[[Asked], dict[str, Value]]] = {
    "tpe": lambda asked: asked.draw(tpe(asked.seed)),
    "random": lambda asked: asked.draw(RandomSampler(seed=asked.seed), learns=False),
}


class MirrorStorage(InMemoryStorage):
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
