"""Whether the best of a study is better than what needs no training, the choice accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from search.decisions.history import Trial
from search.files.paths import baseline_file, labels_file, load_predictions, predictions_file
from search.files.study_files import StudyFiles
from search.reports.numbers import estimate_text
from search.statistics.intervals import Estimate, example_interval
from search.statistics.pseudo_values import values_of
from search.statistics.selection import corrected_difference
from search.tasks.task import Task

__all__ = ["MOST_CONSIDERED", "best_minus_baseline", "describe_claim", "difference_from_baseline"]

# Of more complete trials the others are behind so many on nearly every resample.
MOST_CONSIDERED = 1000


def best_minus_baseline(
    files: StudyFiles, task: Task, ranked: Sequence[Trial], name: str, seed: int
) -> dict[str, Any] | None:
    """As `difference_from_baseline`, of the complete trials, the best first, and the baseline of
    that name; None where what the best has predicted is not here."""
    folder = files.folder
    needed = [baseline_file(folder, name), labels_file(folder)]
    paths = [predictions_file(folder, trial.number) for trial in ranked[:MOST_CONSIDERED]]
    if not paths or not files.fetch_each([*needed, paths[0]]):
        return None
    baseline, labels = map(load_predictions, needed)
    complete = files.fetch_each(paths[1:])
    values_CN = values_of(
        task, labels, (load_predictions(path) for path in (paths if complete else paths[:1]))
    )
    return difference_from_baseline(
        values_CN,
        values_of(task, labels, [baseline])[0],
        sign=task.sign,
        seed=seed,
        among=len(ranked),
    )


def difference_from_baseline(
    values_CN: np.ndarray, baseline_N: np.ndarray, *, sign: int, seed: int, among: int
) -> dict[str, Any]:
    """The best of `among` trials minus a baseline, with its 95% interval over examples.

    `values_CN`: the values of those trials that can be read, the best first (pseudo_values.py).
    If these are all, the difference is corrected for the choice among them; else it is that of the
    first, as it looks. It tells of that run: nothing corrects for the luck of its one seed, of
    whose noise nothing is known, nor for trials that were stopped at rungs.
    """
    corrected = among == 1 or len(values_CN) > 1
    gain: Estimate = (
        corrected_difference(values_CN, baseline_N, sign=sign, seed=seed)
        if len(values_CN) > 1
        else example_interval(values_CN[0] - baseline_N)
    )
    found: dict[str, Any] = gain.as_dict()
    return {
        "difference": found.pop("mean"),
        **found,
        "beyond_example_noise": gain.beyond_noise,
        "chosen_among": among,
        "corrected": corrected,
    }


def describe_claim(claim: Mapping[str, Any], *, stopped: int) -> str:
    """The claim, and what of the choice it accounts for, in words. `stopped`: trials at rungs."""
    gap = estimate_text(claim["difference"], claim["low"], claim["high"], signed=True)
    verdict = "beyond" if claim["beyond_example_noise"] else "within"
    among = f"the choice among {claim['chosen_among']} complete trials"
    not_corrected = ["the luck of its one seed"]
    if not claim["corrected"]:
        not_corrected.append(among)
    if stopped:
        not_corrected.append("the choice at rungs")
    parts = [f"corrected for {among}"] if claim["corrected"] and claim["chosen_among"] > 1 else []
    parts.append(f"not corrected for {', '.join(not_corrected)}")
    return f"the best is {gap} from it, {verdict} the noise of examples ({'; '.join(parts)})"
