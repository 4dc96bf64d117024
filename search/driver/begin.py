"""How a study begins: its data, a look at its space, its row on record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.decisions.drawing import why_outside_space
from search.decisions.sampler import RefusedDrawError, draw_at_random
from search.decisions.warm_start import WarmStart
from search.errors import UserError, first_line
from search.files.paths import baseline_file, labels_file, save_predictions
from search.files.study_files import StudyFiles
from search.record.record import Record, Study
from search.record.study_names import check_name
from search.tasks.config import StudyConfig, Value
from search.tasks.git import commit_of
from search.tasks.imports import is_there
from search.tasks.provenance import depends_on
from search.tasks.task import Task
from search.tasks.user_code import user_code, with_place
from trainables.data import Prepared

__all__ = ["create", "prepare", "probe", "restore_examples"]

# Configurations drawn before the start, to see that the space and the task agree.
PROBES = 32


def create(
    record: Record,
    config: StudyConfig,
    task: Task,
    prepared: Prepared,
    warm: WarmStart | None = None,
) -> Study:
    """A new study on record, with what it depends on, `warm` among it. Raises ValueError."""
    with user_code(f"the data of task {config.task} cannot be loaded"):
        data = task.data.load(prepared.folder)
    probe(task, config, data)
    with user_code(f"the labels of task {config.task} raise"):
        labels = task.data.labels(data)
    if np.ndim(labels) != 1 or not len(labels):
        raise UserError(
            f"the labels of task {config.task} are one an example, of shape (N,), N ≥ 1; got "
            f"{np.shape(labels)}"
        )
    with user_code(f"the baselines of task {config.task} raise"):
        baselines = dict(task.data.baselines(data))
    scores = {n: task.objective(labels, p) for n, p in baselines.items()}
    known = {n: score for n, score in scores.items() if math.isfinite(score)}
    objective = {"metric": task.metric, "mode": task.mode}
    origin = {
        **depends_on(task, prepared, config.task, config.own_modules),
        "baselines": known,
        "objective": objective,
        "examples": len(labels),
        "git": commit_of(config.task),
        **(warm.as_origin() if warm else {}),
    }
    check_name(config, record.folder, record.names())
    folder = record.study_folder(config.name)
    folder.mkdir(parents=True, exist_ok=True)  # where it cannot be, no study is on record
    study = record.create(config, origin)
    _keep_examples(record.files(study), labels, baselines)
    return study


def _keep_examples(
    files: StudyFiles, labels: np.ndarray, baselines: Mapping[str, np.ndarray]
) -> None:
    """What predictions are compared with."""
    for path, predictions in [
        (labels_file(files.folder), labels),
        *[(baseline_file(files.folder, name), guess) for name, guess in baselines.items()],
    ]:
        save_predictions(predictions, path)
        files.upload(path)


def restore_examples(record: Record, study: Study, task: Task, prepared: Prepared) -> None:
    """A driver may have died between a study's creation and the last of `_keep_examples`."""
    files, names = record.files(study), study.origin["baselines"]
    needed = [labels_file(files.folder), *(baseline_file(files.folder, name) for name in names)]
    if study.config.parent is None and not files.fetch_each(needed):
        data = task.data.load(prepared.folder)
        _keep_examples(files, task.data.labels(data), task.data.baselines(data))


def prepare(task: Task, config: StudyConfig) -> Prepared:
    """The study's data, found, verified and parsed. Raises UserError, DataError."""
    chooses = config.trials > len(config.given_points or ())
    if chooses and config.dataset in getattr(task.data, "WITHOUT_VALIDATION", ()):
        raise UserError(
            f"nothing can be chosen on {config.dataset}: its validation examples are some of "
            "those trained on; it takes --points with --trials 0"
        )
    with user_code(f"the data of task {config.task} cannot be prepared"):
        return task.data.prepare(config.dataset, Path(config.data_dir) if config.data_dir else None)


def probe(task: Task, config: StudyConfig, data: Any) -> None:
    """Draw from the space with what is fixed: what cannot be trained is found out now.

    Raises ValueError.
    """
    refusals = 0
    for number in range(PROBES):
        try:
            values = _drawn(task, config, number, data)
        except _Refusal as refusal:
            # A trial that fails, as long as others do not.
            refusals += 1
            if refusals == PROBES:
                raise UserError(str(refusal)) from refusal.__cause__
            continue
        if why := why_outside_space(values, space=task.space, fixed=config.fixed):
            raise UserError(
                f"the space of task {config.task} does not return what it draws ({why}): what it "
                "draws it returns, by the same name, so that the sampler learns from the record; "
                "values that follow from those belong into the training function"
            )
    with user_code(f"the first points of task {config.task} raise"):
        for _, values in task.first_trials(config):
            task.check(values, data)
    if task.checkpoint_mib is not None:
        with user_code(f"checkpoint_mib of task {config.task} raises"):
            float(task.checkpoint_mib(config.fixed))
    _check_names(task)


def _check_names(task: Task) -> None:
    """Of what is imported later, where torch is."""
    for field in ("train", "figures", "model"):
        name = getattr(task, field)
        module = name.partition(":")[0] if isinstance(name, str) else None
        if module is not None and not is_there(module):
            raise UserError(f"Task.{field} names {name!r}: there is no module {module}")


class _Refusal(Exception):  # noqa: N818 (caught here)
    """A configuration that is drawn cannot be trained."""


def _drawn(task: Task, config: StudyConfig, number: int, data: Any) -> dict[str, Value]:
    """A configuration, drawn at random. Raises _Refusal for whatever the task raises, UserError."""
    try:
        drawn = draw_at_random(number, space=task.space, fixed=config.fixed, seed=config.seed)
        values = task.configure({**config.fixed, **drawn})
        task.check(values, data)
    except RefusedDrawError as refused:
        error = refused.__cause__
        assert error is not None
        if isinstance(error, KeyboardInterrupt):
            raise error from None
        what = f"the space of task {config.task} raises"
        raise _Refusal(f"{what}: {with_place(error)}") from error
    except UserError as error:
        raise _Refusal(first_line(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = f"the configuration of task {config.task} raises"
        raise _Refusal(f"{what}: {with_place(error)}") from error
    return values
