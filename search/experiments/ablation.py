"""From one configuration to another, one hyperparameter at a time. Pure.

A hyperparameter that is only drawn where another has some value goes with that other: it is
exchanged where the other's exchange lets it appear, and falls back to its default where that lets
it vanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search.decisions.drawing import Space, drawn_names
from search.tasks.config import Value

__all__ = ["Change", "changes"]

Config = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One hyperparameter, exchanged in both configurations."""

    hyperparameter: str
    winner: Value  # its value there
    base: Value
    minus: Config  # the winner's, with the base's value
    plus: Config  # the base's, with the winner's value
    minus_with: Mapping[str, Value]  # what else went with it, and its new value
    plus_with: Mapping[str, Value]


def changes(winner: Config, base: Config, *, space: Space, defaults: Config) -> list[Change]:
    """The hyperparameters in which two whole configurations differ, each exchanged alone.

    Left out are those that one of the two does not draw from `space`: they go with another.
    """
    of_winner, of_base = drawn_names(winner, space), drawn_names(base, space)
    found = []
    for name, value in winner.items():
        alone = (name in of_winner) == (name in of_base)
        if value == base[name] or not alone:
            continue
        minus = _exchanged(winner, base, name, space, defaults)
        plus = _exchanged(base, winner, name, space, defaults)
        found.append(
            Change(
                hyperparameter=name,
                winner=value,
                base=base[name],
                minus=minus,
                plus=plus,
                minus_with=_others(winner, minus, name),
                plus_with=_others(base, plus, name),
            )
        )
    return found


def _exchanged(here: Config, there: Config, name: str, space: Space, defaults: Config) -> Config:
    """`here` with the value of `name` from `there`, and what follows from it."""
    drawn = drawn_names(here, space)
    values = {**here, name: there[name]}
    # Each pass may let further ones appear, as many as there are.
    for _ in values:
        now = drawn_names(values, space)
        follows = {each: there[each] for each in now - drawn}
        follows |= {each: defaults[each] for each in drawn - now if each in defaults}
        follows.pop(name, None)
        if all(values[each] == value for each, value in follows.items()):
            break
        values |= follows
    return values


def _others(before: Config, after: Config, name: str) -> dict[str, Value]:
    return {each: after[each] for each in after if each != name and after[each] != before[each]}
