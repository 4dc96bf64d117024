"""What a study's record tells of its task, so that the study can be shown where its task is not, or
must not be imported: the record may be somebody else's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from search.decisions.history import History
from search.errors import UserError
from search.files.text import write_whole
from search.record.record import Record, Study
from search.tasks.config import Sampler, StudyConfig, Value
from search.tasks.defined_here import MAIN
from search.tasks.registry import find_task, is_loaded
from search.tasks.task import DataModule, Task

__all__ = ["RecordedTask", "keep_claims", "kept_claims", "shown_task"]

_FILE = "baselines.json"  # in the folder of predictions, which moves with the study


@dataclass(frozen=True, kw_only=True)
class RecordedTask(Task):
    """Metric, mode and named points; it can neither train nor judge predictions."""

    named: tuple[tuple[str, dict[str, Value]], ...] = ()

    def __post_init__(self) -> None:
        """Nothing to check: these fields stand for what is not here."""

    def first_trials(self, config: StudyConfig) -> list[tuple[str, dict[str, Value]]]:
        return list(self.named)

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        return float("nan")


def shown_task(record: Record, study: Study) -> Task:
    """The study's task, if this process has it; else what the record tells of it. Imports no module
    that a record names. Raises UserError where that does not tell the metric."""
    name = study.config.task
    module = name.partition(":")[0]
    if is_loaded(name):
        return find_task(name)
    if module == MAIN:
        try:
            return find_task(name)
        except UserError:  # another script's
            pass
    objective = study.origin.get("objective")
    known = objective if isinstance(objective, Mapping) else {}
    metric, mode = known.get("metric"), known.get("mode")
    if not isinstance(metric, str) or mode not in ("max", "min"):
        # An earlier version did not write it down.
        return find_task(name)
    return RecordedTask(
        name=name,
        metric=metric,
        mode=mode,
        config=dict,
        space=lambda trial: {},
        data=cast(DataModule, None),
        train="",
        named=_named(study, record.history(study)),
    )


def _named(study: Study, history: History) -> tuple[tuple[str, dict[str, Value]], ...]:
    """The first trials, as far as no sampler drew them."""
    if study.config.given_points is not None:
        return tuple(study.config.given_points)
    named = []
    for trial in history.trials if study.config.baseline else ():
        if trial.suggestion.source in get_args(Sampler):
            break
        named.append((trial.suggestion.source, dict(trial.suggestion.config)))
    return tuple(named)


def keep_claims(folder: Path, complete: Sequence[int], claims: Mapping[str, Any]) -> None:
    """Write down how the best of the `complete` trials (best first) compares with each baseline
    (claims.py), for who has not the objective. `folder`: the study's."""
    path = folder / "predictions" / _FILE
    if path.parent.is_dir():
        write_whole(json.dumps({"complete": list(complete), "claims": claims}), path)


def kept_claims(folder: Path, complete: Sequence[int]) -> dict[str, dict[str, Any]]:
    """What was written down of these trials; of anything that is not so, nothing: the file may be
    somebody else's."""
    try:
        kept = json.loads((folder / "predictions" / _FILE).read_text(encoding="utf-8"))
        found = kept["claims"] if kept["complete"] == list(complete) else {}
        return {
            str(name): {
                "difference": float(claim["difference"]),
                "low": float(claim["low"]),
                "high": float(claim["high"]),
                "beyond_example_noise": claim["beyond_example_noise"] is True,
                "chosen_among": int(claim["chosen_among"]),
                "corrected": claim["corrected"] is True,
            }
            for name, claim in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
