"""Ray's own OptunaSearch, ASHAScheduler and MLflowLoggerCallback, run by tests.benchmarks.peers.

    python -m tests.benchmarks.peer_ray documented|well_used WORK.json

`documented`: a function trainable, as the pages of Ray's documentation on Optuna and on MLflow
put it together. `well_used`: a class trainable whose processes are reused, one thread, only two
suggestions at a time, no other loggers. Neither writes checkpoints, as those pages do not.
The scheduler stops nobody: a trial ends at its given epoch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from tests.benchmarks.peer_work import METRIC, Work, read


def main(how: str, work: Work) -> None:
    well_used = how == "well_used"
    if well_used:
        os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    dashboard = False if well_used else None
    ray.init("local", num_cpus=work.workers, include_dashboard=dashboard)
    tuner = tune.Tuner(
        tune.with_parameters(Reused if well_used else trainable, work=work),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            search_alg=OptunaSearch(
                space=work.space,
                metric=METRIC,
                mode="max",
                points_to_evaluate=work.points(),
            ),
            scheduler=ASHAScheduler(max_t=work.max_epochs, grace_period=work.max_epochs),
            num_samples=len(work.trials),
            max_concurrent_trials=work.workers if well_used else None,
            reuse_actors=well_used,
        ),
        run_config=tune.RunConfig(
            storage_path=str(Path("ray_results").resolve()),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[
                MLflowLoggerCallback(tracking_uri="sqlite:///mlflow.db", experiment_name="peers")
            ],
        ),
    )
    results = tuner.fit()
    if results.num_errors:
        raise SystemExit(f"{results.num_errors} trials failed: {results.errors[0]}")
    print(results.get_best_result().config)


def trainable(config: dict[str, Any], work: Work) -> None:
    for epoch in work.train(config):
        tune.report(dict(epoch.metrics))


class Reused(tune.Trainable):
    def setup(self, config: dict[str, Any], work: Work) -> None:
        import torch

        torch.set_num_threads(1)
        self.work = work
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.epochs = self.work.train(new_config)
        self.last = new_config["epochs"]
        return True

    def step(self) -> dict[str, Any]:
        epoch = next(self.epochs)
        return {**epoch.metrics, "done": epoch.number == self.last}


if __name__ == "__main__":
    main(sys.argv[1], read(Path(sys.argv[2])))
