"""A user's own function, named as module:FUNCTION: what a sampler or a scheduler may be."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from search.errors import UserError, first_line
from search.tasks.defined_here import MAIN
from search.tasks.user_code import with_place

__all__ = ["find_function"]


@functools.cache
def find_function(kind: str, name: str) -> Callable[[Any], Any]:
    """The function that `name` names. `kind`: what it is to be, in words. Raises UserError."""
    module, _, attribute = name.partition(":")
    if module == MAIN:
        raise UserError(f"{kind} {name} is defined in a notebook or script: put it into a module")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except UserError as error:
        raise UserError(f"{kind} {name}: {first_line(error)}") from None
    except (Exception, SystemExit) as error:  # whatever a user's module may raise
        raise UserError(f"{kind} {name} cannot be imported: {with_place(error)}") from None
    if not callable(function):
        raise UserError(f"{kind} {name} must be a function, got {type(function).__name__}")
    found: Callable[[Any], Any] = function
    return found
