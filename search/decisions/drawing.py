"""What a trial draws from a space, and what it has drawn: by whom, with which ranges. Pure."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FixedTrial

from search.decisions.kinds import Kinds, kind_asked_for
from search.tasks.config import Value

__all__ = [
    "PartlyFixed",
    "Space",
    "draw",
    "drawn_names",
    "known_parameters",
    "shared",
    "why_outside_space",
]

Space = Callable[[Any], dict[str, Any]]  # define-by-run: an optuna trial → what it draws

_KNOWN = 1000  # trials whose ranges are kept: more than the sampler sees


def draw(trial: Any, space: Space, fixed: Mapping[str, Value]) -> dict[str, Value]:
    """What the space draws by `trial` (Optuna's); a fixed value stands where one is given."""
    return space(PartlyFixed(trial, fixed))


@functools.lru_cache(maxsize=_KNOWN)
def known_parameters(
    config: tuple[tuple[str, Value], ...],
    *,
    refused: bool,
    space: Space,
    fixed: tuple[tuple[str, Value], ...],
) -> tuple[dict[str, Value], dict[str, BaseDistribution]] | None:
    """The values that a trial has drawn, and the range of each; None if it is outside the space.

    `refused`: the trial has failed when it was drawn: what the space raised, it raises again.
    """
    values = dict(config)
    if any(values.get(name, value) != value for name, value in fixed):
        return None  # a named point that is run as it stands, whatever is fixed
    drawing = FixedTrial(values)
    try:
        _replay(drawing, space, dict(fixed))
    except UserWarning:
        return None
    except BaseException:  # whatever a space raised, it raises again
        if not refused or set(drawing.distributions) != set(values):
            return None
    ranges = drawing.distributions
    return {name: values[name] for name in ranges}, {n: shared(r) for n, r in ranges.items()}


@functools.lru_cache
def shared(distribution: BaseDistribution) -> BaseDistribution:
    """Equal ranges as one object: comparing objects is quick."""
    return distribution


def _replay(drawing: FixedTrial, space: Space, fixed: Mapping[str, Value]) -> None:
    """Draw what the trial has drawn. Raises UserWarning or ValueError, as FixedTrial does, where a
    value is missing or outside its range; and whatever the space raises."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("error", message=".*out of the range", category=UserWarning)
        draw(drawing, space, fixed)


def drawn_names(config: Mapping[str, Value], space: Space) -> set[str]:
    """The hyperparameters that the space asks for where the others have these values, in its ranges
    or not; where it raises, those until then."""
    drawing = FixedTrial(dict(config))
    with warnings.catch_warnings(), contextlib.suppress(BaseException):
        warnings.simplefilter("ignore")
        space(drawing)
    return set(drawing.distributions)


def why_outside_space(
    values: dict[str, Value], *, space: Space, fixed: Mapping[str, Value]
) -> str | None:
    """Why the sampler learns nothing from trials with such values: the reason why they are outside
    the space. None if they are inside."""
    try:
        _replay(FixedTrial(values), space, fixed)
    except (UserWarning, ValueError) as error:
        return " ".join(str(error).split())
    return None


class PartlyFixed:
    """An Optuna trial that answers with a fixed value where there is one, and draws elsewhere."""

    def __init__(self, trial: Any, fixed: Mapping[str, Value], kinds: Kinds | None = None) -> None:
        """`kinds`: by what names Optuna knows what is drawn."""
        self._trial = trial
        self._fixed = fixed
        self._kinds = kinds
        self._names: dict[str, str] = {}  # Optuna's, of what was drawn

    @property
    def params(self) -> dict[str, Value]:
        """What was drawn, by the names it was drawn by."""
        drawn = self._trial.params
        return {name: drawn[known] for name, known in self._names.items() if known in drawn}

    def __getattr__(self, method: str) -> Any:
        if not method.startswith("suggest_"):
            return getattr(self._trial, method)

        def suggest(name: str, *range_: Any, **options: Any) -> Any:
            if name in self._fixed:
                return self._fixed[name]
            if method == "suggest_categorical" and range_:
                # They may be there to be read once.
                range_ = (tuple(range_[0]), *range_[1:])
            elif method == "suggest_categorical" and "choices" in options:
                options["choices"] = tuple(options["choices"])
            return getattr(self._trial, method)(
                self._known_as(name, method, range_, options), *range_, **options
            )

        return suggest

    def _known_as(self, name: str, method: str, range_: Any, options: Any) -> str:
        """Of one that is drawn twice in a trial, the same: of another kind it is refused."""
        if name not in self._names:
            known = name
            if self._kinds is not None:
                known = self._kinds.qualify(name, kind_asked_for(method, range_, options))
            self._names[name] = known
        return self._names[name]
