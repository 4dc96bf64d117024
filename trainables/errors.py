"""What can go wrong with data and models that is no fault of the code."""

from __future__ import annotations

__all__ = ["AlteredError", "DataError", "SplitLockedError"]


class DataError(ValueError):
    """Data is missing, damaged or malformed; the message says which file, where, and the rule."""


class AlteredError(DataError):
    """A model's files are not those that were sealed; the message says which."""


class SplitLockedError(RuntimeError):
    """The test split was asked for where nobody may see it."""
