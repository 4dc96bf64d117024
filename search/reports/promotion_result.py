"""What a promotion has come to, kept beside its study for who looks: a test split is not read again
to show what it said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.files.text import write_whole

__all__ = ["keep_promotion", "kept_promotion"]

_FILE = "promotion.json"


def keep_promotion(folder: Path, result: Mapping[str, Any]) -> None:
    """`result`: as `promote --json` prints it. `folder`: the study's."""
    write_whole(json.dumps(result), folder / _FILE)


def kept_promotion(folder: Path) -> dict[str, Any]:
    """Of what is not there, or is no such file, nothing."""
    try:
        kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
