"""A study's next trial: a named point, one that is tried first, or what the sampler proposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.decisions.history import Suggestion
from search.decisions.ranking import Ranking
from search.decisions.sampler import RefusedDrawError, suggest
from search.decisions.warm_start import warm_start_of
from search.record.record import Study
from search.tasks.config import Value
from search.tasks.plain_value import plain_or_text
from search.tasks.task import Task
from trainables.seeding import derive

__all__ = ["Proposals"]


class Proposals:
    """Of one study, each a function of its record."""

    def __init__(
        self,
        study: Study,
        task: Task,
        first_trials: Sequence[tuple[str, dict[str, Value]]],
        valued: Ranking,
    ) -> None:
        """`first_trials`: the named points; `valued`: the trials that have a value."""
        warm = warm_start_of(study.origin)
        self._config, self._task, self._valued = study.config, task, valued
        self._known = warm.trials(task.metric)
        self._named = [*first_trials, *warm.first.items()]

    def draw(self, number: int) -> Suggestion:
        """Raises RefusedDrawError where the space or the configuration raises."""
        config = self._config
        if number < len(self._named):
            source, values = self._named[number]
            return self._suggestion(number, values, source)
        drawn = suggest(
            number,
            self._valued,
            space=self._task.space,
            fixed=config.fixed,
            sampler=config.sampler,
            seed=config.seed,
            known=self._known,
        )
        try:
            values = self._task.configure({**config.fixed, **drawn})
        except BaseException as error:  # a user's; the searcher tells Ctrl-C apart
            raise RefusedDrawError(drawn) from error
        return self._suggestion(number, values, config.sampler)

    def refused(self, number: int, refused: RefusedDrawError) -> Suggestion:
        """What had been drawn until then."""
        return self._suggestion(number, plain_or_text(refused.drawn), self._config.sampler)

    def _suggestion(self, number: int, values: Mapping[str, Any], source: str) -> Suggestion:
        seed = derive(self._config.seed, "trial", number)
        return Suggestion(trial=number, config=values, seed=seed, source=source)
