"""Which of several node types Ray's autoscaler asks for; it runs this on a cluster's head.

Ray 2.60 tries a node type that cannot be had again and again, though another would do: version 1
of its autoscaler records what failed to launch and ignores it, version 2 looks only at machines
that were launched and never joined. So `infra/*.yaml` choose version 1, and set
RAY_AUTOSCALER_UTILIZATION_SCORER to this.
"""

from __future__ import annotations

from typing import Any

from search.machines.ray_internals import resource_score

__all__ = ["prefer_available"]


def prefer_available(
    node_resources: dict[str, float],
    resources: list[dict[str, float]],
    node_type: str,
    *,
    node_availability_summary: Any,
) -> tuple[float, ...] | None:
    """Ray's own score (the highest is launched; None: it does not fit), but a type that failed to
    launch in the last half hour comes after one that did not. Equals go by name, the last first."""
    score = resource_score(node_resources, resources, node_availability_summary)
    if score is None:
        return None
    wanted, *fit = score
    last = node_availability_summary.node_availabilities.get(node_type)
    return (wanted, last is None or last.is_available, *fit)
