"""What may be asked of a study: the options of `run`, `plan` and `submit`, and what they share with
`resume`."""

from __future__ import annotations

import argparse
from typing import Any

from search.cli.common import add_address, add_stores, seconds
from search.errors import UserError
from search.files.typed import typed_path

__all__ = ["add_run_options", "add_trial_timeout", "add_watching", "asked"]


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Of `run`, and of `submit`, which is `run` elsewhere."""
    run.add_argument("task", metavar="TASK", help="sts, cnn, or your own as module:ATTRIBUTE")
    run.add_argument(
        "--trials",
        type=int,
        help="configurations to try (64; with --budget-epochs as many as it holds)",
    )
    run.add_argument("--max-epochs", type=int, help="full length of a trial (the task's)")
    run.add_argument("--min-epochs", type=int, help="the first rung (the task's)")
    run.add_argument("--reduction-factor", type=int, help="1 of so many advances (3)")
    run.add_argument(
        "--sampler",
        default="tpe",
        metavar="tpe|random|module:FUNCTION",
        help="what proposes (tpe)",
    )
    run.add_argument(
        "--scheduler",
        default="asha",
        metavar="asha|asha-published|hyperband|none|module:FUNCTION",
        help="what decides who trains on (asha)",
    )
    run.add_argument("--seed", type=int, default=0, help="of the whole study (0)")
    run.add_argument("--name", help="the study's name (task and date)")
    run.add_argument("--workers", type=int, help="trials at a time (all cores or GPUs)")
    run.add_argument("--cpus-per-trial", type=int, default=1, help="cores of each trial (1)")
    run.add_argument("--gpus-per-trial", type=float, default=0.0, help="GPUs, or a share (0)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="fix a hyperparameter; repeatable",
    )
    run.add_argument("--dataset", help="the task's data set (its first)")
    run.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    run.add_argument(
        "--points",
        metavar="NAME,…|FILE.json",
        help="named configurations to train first and in full (the task's first points)",
    )
    run.add_argument(
        "--point-seeds", type=int, default=1, help="train each of them so often, on other seeds (1)"
    )
    run.add_argument(
        "--warm-start",
        default="",
        metavar="NAME|optuna:URL|FILE.json",
        help="learn from an earlier study, of the record or of Optuna: its trials are known if "
        "data and space are the same, else its best 5 configurations are tried first",
    )
    run.add_argument("--no-baseline", action="store_true", help="do not train the named points")
    add_stores(run)
    add_trial_timeout(run, "10 × the median, at least 10m")
    run.add_argument(
        "--until", default="", metavar="METRIC>=X", help="end with a complete trial that has it"
    )
    run.add_argument(
        "--budget-epochs",
        type=int,
        default=0,
        metavar="N",
        help="end when N epochs have been given out; how many trials that are, `plan` tells",
    )
    run.add_argument(
        "--stop-when-no-gain",
        action="store_true",
        help="end when 32 more trials would hardly better the best, and only then before --trials",
    )
    run.add_argument(
        "--keep-checkpoints", type=int, default=5, help="of the best trials, at the end (5)"
    )
    add_watching(run)


def add_trial_timeout(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="TIME",
        help=f"the longest an epoch may take ({default})",
    )


def add_watching(parser: argparse.ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--time-budget", type=seconds, metavar="TIME", help="such as 90s, 10m, 8h")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    parser.add_argument(
        "--events", action="store_true", help="a line of JSON on stderr for whatever happens"
    )
    parser.add_argument(
        "--notify", metavar="URL|COMMAND", help="tell it, in JSON, of new bests and of the end"
    )
    parser.add_argument("--json", action="store_true", help="summary as JSON, last line of stdout")


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """What the study is to be."""
    return {
        "trials": options.trials,
        "name": options.name,
        "workers": options.workers,
        "max_epochs": options.max_epochs,
        "fixed": dict(map(_fixed, options.set)),
        "dataset": options.dataset,
        "data_dir": options.data_dir,
        "gpus_per_trial": options.gpus_per_trial,
        "min_epochs": options.min_epochs,
        "reduction_factor": options.reduction_factor,
        "sampler": options.sampler,
        "scheduler": options.scheduler,
        "seed": options.seed,
        "trial_timeout_s": options.trial_timeout,
        "keep_checkpoints": options.keep_checkpoints,
        "until": options.until,
        "budget_epochs": options.budget_epochs,
        "stop_when_no_gain": options.stop_when_no_gain,
        "cpus_per_trial": options.cpus_per_trial,
        "baseline": not options.no_baseline,
        "points": options.points,
        "point_seeds": options.point_seeds,
        "warm_start": options.warm_start,
        "tracking_uri": options.tracking_uri,
        "storage": options.storage,
    }


def _fixed(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set takes KEY=VALUE, got {text!r}")
    return name, value
