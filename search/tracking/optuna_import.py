"""A study of Optuna's → points that are known (search/tasks/known_points.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from search.errors import UserError
from search.tasks.config import Value
from search.tasks.known_points import KnownPoint, KnownPoints, State
from search.tracking.export import OPTUNA
from search.tracking.optuna_export import NAMES
from search.tracking.optuna_storage import optuna_storage
from search.tracking.optuna_trials import FIXED

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["import_points"]

_STATES: Mapping[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def import_points(source: str, study: str | None = None) -> tuple[KnownPoints, int]:
    """What the trials of a study at `source` ("optuna:URL") tell, and how many have not ended and
    are left out. `study`: its name, where there are several. Raises UserError."""
    if not source.startswith(OPTUNA):
        raise UserError(f"points are taken from optuna:URL, got {source!r}")
    with optuna_storage(source.removeprefix(OPTUNA)) as storage:
        found = _study(storage, source, study)
        if len(found.directions) > 1:
            raise UserError(
                f"study {found.study_name} has {len(found.directions)} objectives: a search has one"
            )
        trials = found.get_trials(deepcopy=False)
        names, metrics = found.user_attrs.get(NAMES), found.metric_names
        ended = [trial for trial in trials if trial.state.is_finished()]
        known = KnownPoints(
            source=source,
            study=found.study_name,
            mode="max" if found.direction.name == "MAXIMIZE" else "min",
            metric=metrics[0] if metrics else None,
            points=[_point(trial, names) for trial in ended],
        )
        return known, len(trials) - len(ended)


def _study(storage: optuna.storages.BaseStorage, source: str, name: str | None) -> optuna.Study:
    import optuna

    there = optuna.get_all_study_names(storage)
    if name is None and len(there) == 1:
        [name] = there
    if name not in there:
        asked = "several studies: name one by --study" if name is None else f"no study {name!r}"
        raise UserError(f"{source} holds {asked}; there: {', '.join(there) or 'none'}")
    return optuna.load_study(study_name=name, storage=storage)


def _point(trial: FrozenTrial, names: Mapping[str, str] | None) -> KnownPoint:
    """`names`: of a study that we have exported, what was renamed for Optuna."""
    fixed: dict[str, Value] = {} if names is None else trial.user_attrs.get(FIXED, {})
    drawn = {(names or {}).get(name, name): value for name, value in trial.params.items()}
    curve = [(s, float(v)) for s, v in trial.intermediate_values.items() if math.isfinite(v)]
    values = [value for value in trial.values or [] if math.isfinite(value)]
    state = _STATES[trial.state.name]
    if state == "complete" and not values:
        state = "failed"  # infinite: it has diverged
    try:
        return KnownPoint(
            config={**fixed, **drawn},
            state=state,
            value=values[0] if values else None,
            curve=sorted(curve),
        )
    except ValueError as error:  # Optuna takes any object as a choice
        raise UserError(f"trial {trial.number}: {error}") from None
