"""Numbers and names of metrics, as users' training gives them."""

from __future__ import annotations

import json

from tests.conftest import Place
from tests.misuse.tries import RUN, Said, Step, Try, each_fate, fails, works

METRICS = """
def train(config, data, *, seed, max_epochs, resume_from=None):
    return epochs(config, max_epochs, resume_from, metrics=lambda number: {0})
TASK = replace(TASK, train=train)
"""
SCORE = """
def train(config, data, *, seed, max_epochs, resume_from=None):
    for epoch in epochs(config, max_epochs, resume_from):
        yield replace(epoch, metrics={{**epoch.metrics, "score": {0}}})
TASK = replace(TASK, train=train)
"""
# Of the objective, which each trial has another of: x is drawn from [0, 1].
TELLING = {
    "of 1e-7": "1e-7 * config.x",
    "of 1e12": "1e12 * (1 + 1e-9 * config.x)",
    "that differ in the twelfth digit": "1 + 1e-11 * config.x",
    "of 1e300": "1e300 * config.x",
    "that are denormal": "1e-315 * config.x",
    "below zero": "-config.x",
    "that are whole and beyond 2^63": "10**25 * (1 + int(1000 * config.x))",
}
VALUES = """
import decimal, fractions
import torch
def train(config, data, *, seed, max_epochs, resume_from=None):
    metrics = lambda number: eval(FATES[config.fate]) if config.fate in FATES else {}
    return epochs(config, max_epochs, resume_from, metrics=metrics)
"""
NAMES = {
    "percent signs": ["a%", "a%20b", "%d", "%s"],
    "slashes": ["a//b", "/a", "a/", "a/../b", "..", "."],
    "spaces and quotes": ["a b", " a", "a ", "'", '"', "`", "$HOME", "\\"],
    "other alphabets": ["é", "e\u0301", "精度", "точность", "🎯"],
    "one that is long": ["x" * 250, "y" * 300, "y" * 299 + "z"],
    "ours": ["epoch", "trial", "seed", "cpu_s", "wall_s", "state", "config", "attempt", "duration"],
    "ours in MLflow": [
        "epoch_cpu_s",
        "reset_s",
        "best",
        "step",
        "timestamp",
        "run_id",
        "search.trial",
    ],
    "those that become one": ["a:b", "a_b", "a;b", "a,b", "a?b", "a#b"],
    "lines and tabs": ["a\nb", "a\tb", "\u200b", "a\u202eb"],
    "nothing": ["", " "],
    "cases": ["ACC", "acc", "Acc"],
}
BAD_NAMES = {"a number": "3", "None": "None", "a tuple": "('a', 1)"}
GOOD_VALUES = {
    "of NumPy": "{'a': np.float32(0.5), 'b': np.int64(3), 'c': np.bool_(True)}",
    "a tensor's": "{'a': torch.tensor(0.5), 'b': torch.tensor([2.0]).sum()}",
    "whole and large": "{'a': 2**63, 'b': 10**30, 'c': -(2**64)}",
    "denormal and signed zero": "{'a': 5e-324, 'b': -0.0, 'c': 1e308}",
    "fractions and decimals": "{'a': fractions.Fraction(1, 3), 'b': decimal.Decimal('0.1')}",
    "bools": "{'a': True, 'b': False}",
}
BAD_VALUES = {
    "a text": "{'a': 'high'}",
    "None": "{'a': None}",
    "a list": "{'a': [1.0]}",
    "an array of two": "{'a': np.zeros(2)}",
    "complex": "{'a': 1j}",
    "beyond a float": "{'a': 10**400}",
    "NaN": "{'a': float('nan')}",
    "infinite": "{'a': float('-inf')}",
}


def tries() -> list[Try]:
    all_fail = (Step(command=RUN, codes=(1,)),)
    return [
        *[_scores(name, value) for name, value in TELLING.items()],
        *[_metrics(kinds) for kinds in (tuple(NAMES)[:4], tuple(NAMES)[4:8], tuple(NAMES)[8:])],
        *[
            fails(
                f"a metric named {name}",
                METRICS.format(f"{{{value}: 0.5}}"),
                reason="metric|name",
                failed="all",
                steps=all_fail,
            )
            for name, value in BAD_NAMES.items()
        ],
        each_fate("metrics that are numbers", VALUES, _fates(GOOD_VALUES, None)),
        each_fate("metrics that are none", VALUES, _fates(BAD_VALUES, "a|b")),
        works(
            "mode min with scores below zero",
            SCORE.format("-config.x") + "TASK = replace(TASK, mode='min')",
            steps=(Step(command=RUN), Step(command="search show s --json", check=_smallest)),
            by_formula=False,
        ),
        fails(
            "the objective is missing",
            "TASK = replace(TASK, metric='accuracy')",
            reason="accuracy",
            failed="all",
            steps=all_fail,
        ),
        works(
            "an objective whose name has signs",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    for epoch in epochs(config, max_epochs, resume_from):\n"
            "        metrics = {**epoch.metrics, 'a/b %': epoch.metrics['score']}\n"
            "        yield replace(epoch, metrics=metrics)\n"
            "TASK = replace(TASK, metric='a/b %', train=train)",
            steps=(Step(command=RUN), Step(command="search show s", says="a/b %")),
        ),
        works(
            "scores that are all equal",
            SCORE.format("0.5"),
            steps=(Step(command=RUN), Step(command="search show s", says="0.5")),
            by_formula=False,
        ),
    ]


def _fates(values: dict[str, str], says: str | None) -> dict[str, tuple[str, str | None]]:
    return {f"metrics {name}": (code, says) for name, code in values.items()}


def _scores(name: str, value: str) -> Try:
    shown = Step(command="search show s && search show s --json > shown.json", check=_told_apart)
    steps = (Step(command=RUN), shown, Step(command="search export s --output out.tar"))
    # What is trained of a score is tried elsewhere; here is tried what is told of it.
    return works(
        f"scores {name}", SCORE.format(value), steps=steps, by_formula=False, resumed=False
    )


def _told_apart(place: Place, said: Said) -> str | None:
    """Each trial's score is another: so must be what is printed of it."""
    rows = [line.split() for line in said.out.splitlines()]
    scores = [row[1] for row in rows if len(row) > 3 and row[0].isdigit() and row[3] != "failed"]
    return f"scores shown alike: {scores}" if len(set(scores)) < len(scores) or not scores else None


def _smallest(place: Place, said: Said) -> str | None:
    best = json.loads(said.out)["best"]
    history = place.record.history(place.record.studies()[0])
    complete = [t for t in history.trials if t.epoch == 3]
    right = min(complete, key=lambda trial: trial.value("score")).number
    return None if best["trial"] == right else f"best is {best['trial']}, not {right}"


def _metrics(kinds: tuple[str, ...]) -> Try:
    names = [name for kind in kinds for name in NAMES[kind]]
    values = {each: 0.001 * number for number, each in enumerate(names)}
    kept = Step(command="search sync s", check=lambda place, said: _kept(place, values))
    return works(
        f"metrics named {', '.join(kinds)}",
        METRICS.format(repr(values)),
        steps=(Step(command=RUN), kept),
    )


def _kept(place: Place, values: dict[str, float]) -> str | None:
    """On record each by its name; in MLflow each value once, by whatever name it allows."""
    from mlflow import MlflowClient

    history = place.record.history(place.record.studies()[0])
    epoch = history.trials[0].epochs[0].metrics
    if missing := {n: v for n, v in values.items() if epoch.get(n) != v}:
        return f"on record {epoch}, without {missing}"
    client = MlflowClient(f"sqlite:///{place.folder}/mlflow.db")
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, "tags.`mlflow.parentRunId` != ''")
    if len(runs) != len(history.trials):
        return f"{len(runs)} runs in MLflow for {len(history.trials)} trials"
    logged = list(runs[0].data.metrics.values())
    if lost := [v for n, v in values.items() if v not in logged and len(n) <= 250]:
        return f"in MLflow {runs[0].data.metrics}, without {lost}"
    return None
