"""Hand a study to the head of a cluster, which drives it from then on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from search.errors import ClusterError, UserError
from search.machines.remote import start_on_head
from search.tasks.as_typed import as_typed

__all__ = ["new_name", "submit"]


def submit(task: str, cluster: str, options: Mapping[str, Any]) -> str:
    """`search.submit`: the name of the study that the head has begun. `options`: those of
    `search.run`. Raises UserError."""
    if options.get("notify"):
        raise UserError(
            "notify is not handed to a cluster, whose job server would keep and show its address"
        )
    name = str(options.get("name") or new_name(task))
    typed = [task, "--name", name, "--quiet"]
    for option, value in options.items():
        if option not in ("name", "quiet", "say"):
            typed += as_typed(option, value)
    if code := start_on_head(cluster, ["run", *typed], name):
        raise ClusterError(f"the cluster has refused study {name} (exit code {code}): see above")
    return name


def new_name(task: str) -> str:
    """Of a study that was given none: its task and the time, and what tells it from another that
    is handed over in the same second."""
    stem = task.replace(":", ".").lstrip("._-")
    return f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
