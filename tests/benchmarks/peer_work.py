"""What every peer is given: the trials of a finished study of ours, to be trained again.

Each trial's point in the space, its seed, the epochs it reached and its last score. A peer
enqueues the points in its own way and ends each trial at its epoch: all do the same training.
Nothing of search/ is imported here: it would change how a peer's Ray behaves.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.sts import space
from trainables import Epoch
from trainables.sts import Config
from trainables.sts.data import load

__all__ = ["METRIC", "Work", "read"]

METRIC = "dev_pearson"


@dataclass(frozen=True, kw_only=True)
class Work:
    data: str  # the folder of the prepared data
    max_epochs: int
    workers: int
    trials: list[dict[str, Any]]  # {"point": …, "seed": …, "epochs": …, "score": …}

    def points(self) -> list[dict[str, Any]]:
        """What is to be enqueued: the parameters that `space` draws."""
        return [{**trial["point"], "number": n} for n, trial in enumerate(self.trials)]

    def space(self, trial: Any) -> dict[str, Any]:
        """The task's space, and which of the trials this is: it tells the seed and the end."""
        given = self.trials[trial.suggest_int("number", 0, len(self.trials) - 1)]
        return {**space(trial), "seed": given["seed"], "epochs": given["epochs"]}

    def train(self, config: dict[str, Any]) -> Iterator[Epoch]:
        """The epochs of what `space` drew, up to the last that the trial reached in our study."""
        from trainables.sts.train import train  # torch: in the processes that train only

        names = {field.name for field in dataclasses.fields(Config)}
        chosen = Config(**{name: value for name, value in config.items() if name in names})
        data = load(Path(self.data))
        for epoch in train(chosen, data, seed=config["seed"], max_epochs=self.max_epochs):
            yield epoch
            if epoch.number == config["epochs"]:
                return


def read(path: Path) -> Work:
    return Work(**json.loads(path.read_text()))
