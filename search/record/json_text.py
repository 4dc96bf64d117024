"""JSON for PostgreSQL, which knows no Infinity."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["json_text"]


def json_text(value: Any) -> str:
    """As `json.dumps`, but an infinite number is one beyond a 64-bit float, which `json.loads`
    reads as infinite. Raises ValueError for NaN."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        # In pieces: what is text stands in one of its own, in quotes.
        pieces = json.JSONEncoder().iterencode(value)
        text = "".join(p if '"' in p else p.replace("Infinity", "1e999") for p in pieces)
        json.loads(text, parse_constant=_refuse)
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
