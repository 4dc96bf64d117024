"""The task that each try spoils in one place. An epoch takes no time; its score is a formula."""

from dataclasses import dataclass, replace  # noqa: F401 (for those that spoil it)

import numpy as np

from search import Epoch, InMemoryData, Task

EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.5


def space(trial):
    return {"x": trial.suggest_float("x", 0.0, 1.0)}


def make():
    return np.arange(EXAMPLES) % 2


def share(labels, predictions):
    return float(np.mean((predictions > 0.5) == labels))


def formula(x, epoch):
    return (1 - (x - 0.3) ** 2) * (1 - 0.5**epoch)


def epochs(config, max_epochs, resume_from, *, each=None, metrics=None, state=None):
    """`each` runs at an epoch's start; `metrics` are further ones of an epoch; so is `state`.

    `steps` counts the epochs that the state has seen: it is wrong where one was repeated.
    """
    done = resume_from["epoch"] if resume_from else 0
    steps = resume_from["steps"] if resume_from else 0
    for number in range(done + 1, max_epochs + 1):
        if each:
            each(number)
        steps += 1
        more = metrics(number) if metrics else {}
        kept = {"epoch": number, "steps": steps, **(state(number) if state else {})}
        yield Epoch(
            number=number,
            metrics={"score": formula(config.x, number), "steps": float(steps), **more},
            state=lambda kept=kept: kept,
            predictions=lambda: np.full(EXAMPLES, config.x),
        )


def train(config, data, *, seed, max_epochs, resume_from=None):
    return epochs(config, max_epochs, resume_from)


DATA = InMemoryData(make=make, labels=lambda data: data, objective=share)
TASK = Task(
    name="quick",
    metric="score",
    config=Config,
    space=space,
    train=train,
    data=DATA,
    max_epochs=3,
)
