"""Others on the same curves and clock, each used as its documentation shows."""

from __future__ import annotations

from collections.abc import Callable

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from tests.benchmarks.yardstick.curves import Problem
from tests.benchmarks.yardstick.simulator import Method, Work

__all__ = ["PEERS", "PlainOptuna"]


class PlainOptuna:
    """Optuna 5 by ask and tell, a pruner asked after each epoch (simulator.Method)."""

    def __init__(
        self, problem: Problem, name: str, sampler: BaseSampler, pruner: BasePruner
    ) -> None:
        """`name`: Hyperband's brackets are a function of it."""
        self._problem = problem
        self._study = optuna.create_study(
            study_name=name, direction="maximize", sampler=sampler, pruner=pruner
        )
        self._trials: dict[int, optuna.Trial] = {}

    def next_work(self, at: float) -> Work | None:
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return Work(trial.number, self._problem.space(trial), 1)

    def on_epoch(self, at: float, trial: int, epoch: int, score: float, wall_s: float) -> bool:
        asked = self._trials[trial]
        asked.report(score, epoch)
        if epoch == self._problem.max_epochs:
            self._study.tell(asked, score)
            return False
        if asked.should_prune():
            self._study.tell(asked, state=TrialState.PRUNED)
            return False
        return True

    def on_failure(self, at: float, trial: int, epoch: int) -> None:
        self._study.tell(self._trials[trial], state=TrialState.FAIL)


def _random(problem: Problem, seed: int) -> PlainOptuna:
    return PlainOptuna(problem, f"{seed}", RandomSampler(seed=seed), NopPruner())


def _halving(problem: Problem, seed: int) -> PlainOptuna:
    return PlainOptuna(problem, f"{seed}", TPESampler(seed=seed), SuccessiveHalvingPruner())


def _hyperband(problem: Problem, seed: int) -> PlainOptuna:
    pruner = HyperbandPruner(min_resource=1, max_resource=problem.max_epochs, reduction_factor=3)
    return PlainOptuna(problem, f"{seed}", TPESampler(seed=seed), pruner)


# Name → a study without end: of a problem, a seed.
PEERS: dict[str, Callable[[Problem, int], Method]] = {
    "random in full": _random,
    "Optuna TPE + halving": _halving,
    "Optuna TPE + Hyperband": _hyperband,
}
