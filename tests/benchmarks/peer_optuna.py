"""Plain Optuna, processes on one journal file, each logging to MLflow; for tests.benchmarks.peers.

    python -m tests.benchmarks.peer_optuna WORK.json

No checkpoints. The pruner is asked after each epoch, but a trial ends at its given epoch.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import mlflow
import optuna
from optuna.pruners import SuccessiveHalvingPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tests.benchmarks.peer_work import METRIC, Work, read


def main(path: str) -> None:
    work = read(Path(path))
    study = open_study()
    for point in work.points():
        study.enqueue_trial(point, user_attrs={"given": True})
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("peers")  # here: two processes that create one database at once fail
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=worker, args=(path,)) for _ in range(work.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(study.best_trial.params, study.best_value)


def worker(path: str) -> None:
    import torch

    torch.set_num_threads(1)
    work = read(Path(path))
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("peers")
    study = open_study()
    while study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        trial = study.ask()
        if "given" not in trial.user_attrs:  # the other process took the last one
            study.tell(trial, state=TrialState.FAIL)
            return
        run(work, study, trial)


def run(work: Work, study: optuna.Study, trial: optuna.Trial) -> None:
    config = work.space(trial)
    with mlflow.start_run(run_name=f"trial-{trial.number}"):
        mlflow.log_params(config)
        for epoch in work.train(config):
            mlflow.log_metrics(dict(epoch.metrics), step=epoch.number)
            trial.report(epoch.metrics[METRIC], epoch.number)
            trial.should_prune()
    if epoch.number < work.max_epochs:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, epoch.metrics[METRIC])


def open_study() -> optuna.Study:
    return optuna.create_study(
        study_name="peers",
        storage=JournalStorage(JournalFileBackend("journal.log")),
        sampler=optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True),
        pruner=SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        direction="maximize",
        load_if_exists=True,
    )


if __name__ == "__main__":
    main(sys.argv[1])
