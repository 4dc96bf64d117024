"""What does `--stop-when-no-gain` spare, and what does it cost? The real decisions and sampler, one
worker, no training, on curves of a formula or of LCBench's surrogate.

    python -m tests.benchmarks.no_gain --curves formula
    python -m tests.benchmarks.no_gain --curves lcbench

Each study is run to its full length; where the rule would have ended it is read off its prefixes,
since no decision depends on how many trials there are to be. A trial's curve is its true one and a
number for the luck of its seed, which the rule is told or is not. Rungs at a ninth, a third, the
whole; LCBench's 51 epochs are told as nine.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.decisions import asha
from search.decisions.gain import Gain, NoGain, no_gain
from search.decisions.history import Event, History, Segment, Suggestion, Trial
from search.decisions.sampler import rank_trials, suggest
from tests.benchmarks.yardstick import curves
from tests.search.studies import epoch, session
from trainables.seeding import derive

LADDER = [1, 3, 9]
DIMENSIONS = 6
LOOKED_AT = 4  # the rule is asked at each fourth trial


@dataclass(frozen=True)
class Problem:
    name: str
    space: Callable[[Any], dict[str, Any]]
    curve: Callable[[dict[str, Any]], np.ndarray]  # a configuration → its true score at 9 epochs
    noise: float  # deviation of one configuration over seeds


@dataclass(frozen=True)
class Moment:
    """The study when its n-th trial was about to be drawn."""

    epochs: int
    best: float  # score so far, luck included
    true: float  # of that trial, luck excluded
    gain: Gain | None


def formula(number: int) -> Problem:
    """A bowl, of which some directions matter little, under a ceiling, and slower where it is
    lower; the noise is 10^-2.5 to 10^-1.5."""
    random = np.random.default_rng(derive(7, "formula", number))
    centre, weight = random.uniform(size=DIMENSIONS), random.exponential(size=DIMENSIONS) ** 2
    power, pace = random.choice([1.0, 2.0]), random.uniform(1.0, 4.0)

    def space(trial: Any) -> dict[str, Any]:
        return {f"x{i}": trial.suggest_float(f"x{i}", 0, 1) for i in range(DIMENSIONS)}

    def curve(config: dict[str, Any]) -> np.ndarray:
        away = np.abs(np.array([config[f"x{i}"] for i in range(DIMENSIONS)]) - centre)
        quality = 1 - (weight / weight.sum() * (2 * away) ** power).sum()
        epochs = np.arange(1, 10)
        return np.asarray(quality - np.exp(-epochs / pace) * (1.2 - 0.4 * quality))

    return Problem(f"formula {number}", space, curve, float(10 ** random.uniform(-2.5, -1.5)))


def lcbench(number: int) -> Problem:
    """Each second of its data sets; validation accuracy in %, noise .3."""
    name = sorted(each for each in curves.names() if each.startswith("lcbench"))[2 * number]
    known = curves.problem(name)
    new = known.new_study()
    # Its second epoch is the first that is trained.
    places = np.round(np.arange(1, 10) * (curves.LCBENCH_EPOCHS + 1) / 9).astype(int) - 2

    def curve(config: dict[str, Any]) -> np.ndarray:
        return np.asarray(new(config).scores)[places]

    return Problem(name, known.space, curve, 0.3)


class Study:
    """One study without named points, one worker; `moments[n]`: before trial n was drawn."""

    def __init__(self, problem: Problem, seed: int, trials: int) -> None:
        self._problem, self._seed = problem, seed
        self._history = History()
        self._true: list[np.ndarray] = []
        self._at = 0.0
        self._apply(session("started", trials))
        ranked = rank_trials(self._history, lambda trial: trial.value("score"))
        rungs = asha.rungs_of(self._history, ladder=LADDER, full_length=0, value=_value)
        gain = NoGain(
            self._history, full_length=0, first_epoch=1, max_epochs=LADDER[-1], value=_value
        )
        self.moments: list[Moment] = []
        while (step := self._next(rungs, trials)) != "finished":
            if isinstance(step, Segment):
                self._train(step)
                continue
            number = len(self._history.trials)
            self.moments.append(self._moment(None if number % LOOKED_AT else gain.gain()))
            config = suggest(
                number, ranked, space=problem.space, fixed={}, sampler="tpe", seed=seed
            )
            self._true.append(problem.curve(config))
            self._apply(Suggestion(trial=number, config=config, seed=number, source="tpe"))
            self._train(Segment(trial=number, attempt=0, first_epoch=1, last_epoch=1))
        self.moments.append(self._moment(None))

    def _next(self, rungs: list[asha.Rung], trials: int) -> asha.Next:
        return asha.next_segment(
            self._history, rungs, reduction_factor=3, scheduler="asha", trials=trials, workers=1
        )

    def _moment(self, gain: Gain | None) -> Moment:
        done = [trial for trial in self._history.trials if trial.complete(LADDER[-1])]
        if not done:
            return Moment(self._history.epochs, math.nan, math.nan, gain)
        best = max(done, key=lambda trial: _value(trial, 9))
        true = float(self._true[best.number][-1])
        return Moment(self._history.epochs, _value(best, 9), true, gain)

    def _train(self, segment: Segment) -> None:
        self._apply(segment)
        luck = np.random.default_rng(derive(self._seed, "luck", segment.trial)).standard_normal()
        for number in range(segment.first_epoch, segment.last_epoch + 1):
            score = self._true[segment.trial][number - 1] + self._problem.noise * luck
            self._apply(epoch(segment.trial, number, float(score)))

    def _apply(self, event: Event) -> None:
        self._at += 1
        self._history.apply(self._at, event)


def _value(trial: Trial, epoch: int) -> float:
    return trial.value("score", epoch)


def study(job: tuple[str, int, int, int]) -> tuple[float, list[Moment]]:
    """Of curves, problem, seed and trials: its noise and its moments."""
    kind, number, seed, trials = job
    problem = formula(number) if kind == "formula" else lcbench(number)
    return problem.noise, Study(problem, seed, trials).moments


def report(studies: Sequence[tuple[float, list[Moment]]], length: int, known: bool) -> None:
    """How many the rule ends, epochs spared of all, and what is lost, in deviations of one seed: of
    the best's score and of its true score. `known`: the rule is told the noise."""
    spared, lost, true, at = [], [], [], []
    for noise, moments in studies:
        end = next((n for n in range(length) if _ends(moments[n].gain, noise, known)), length)
        whole, ended = moments[length], moments[end]
        at.append(end)
        spared.append(1 - ended.epochs / whole.epochs)
        lost.append((whole.best - ended.best) / noise)
        true.append((whole.true - ended.true) / noise)
    quartiles = [f"{q:.0f}" for q in np.quantile(at, [0.25, 0.5, 0.75])]
    print(
        f"{length} trials, noise {'known' if known else 'not known'}, n = {len(at)}: ended "
        f"{sum(n < length for n in at)}, after {', '.join(quartiles)} trials (quartiles); epochs "
        f"spared {np.mean(spared):.0%}; lost {_told(lost)}, truly {_told(true)}"
    )


def _ends(gain: Gain | None, noise: float, known: bool) -> bool:
    if gain is not None and known:
        gain = dataclasses.replace(gain, noise=noise)
    return bool(no_gain(gain))


def _told(lost: Sequence[float]) -> str:
    mean, error = np.mean(lost), np.std(lost) / math.sqrt(len(lost))
    return f"{mean:.2f} ± {error:.2f} (9 of 10 below {np.quantile(lost, 0.9):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--curves", default="formula", choices=("formula", "lcbench"))
    parser.add_argument("--tasks", type=int, default=8, help="so many problems")
    parser.add_argument("--seeds", type=int, default=3, help="studies of each")
    parser.add_argument("--trials", type=int, default=256, help="of each, and halves of it")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    jobs = [
        (options.curves, number, seed, options.trials)
        for number in range(options.tasks)
        for seed in range(options.seeds)
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        studies = list(pool.map(study, jobs))
    for length in (options.trials // 4, options.trials // 2, options.trials):
        for known in (True, False):
            report(studies, length, known)


if __name__ == "__main__":
    main()
