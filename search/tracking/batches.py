"""What MLflow refuses costs that metric or parameter only, not those that are sent with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from search.errors import first_line
from search.files.text import one_line

__all__ = ["log_batch"]

_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST"}
_DELETED = "must be in the 'active' state"


def log_batch(
    client: Any,
    run_id: str,
    metrics: Sequence[Any],
    params: Sequence[Any],
    tags: Sequence[Any],
    *,
    on_refusal: Callable[[str, str], None],
) -> None:
    """Send them as one call where MLflow takes them all, else apart, the tags last.

    `on_refusal`: takes the name of what is refused, and why. Raises MlflowException for all but a
    refusal, and where a tag is refused.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.log_batch(run_id, metrics, params, tags)
    except MlflowException as error:
        of_the_run = _DELETED in str(error)  # none of what is sent is at fault
        if error.error_code not in _REFUSALS or of_the_run or not (metrics or params):
            raise
        if tags:
            log_batch(client, run_id, metrics, params, [], on_refusal=on_refusal)
            client.log_batch(run_id, [], [], tags)
        elif metrics and params:
            log_batch(client, run_id, metrics, [], [], on_refusal=on_refusal)
            log_batch(client, run_id, [], params, [], on_refusal=on_refusal)
        elif (count := len(metrics or params)) > 1:
            for part in (slice(count // 2), slice(count // 2, None)):
                log_batch(client, run_id, metrics[part], params[part], [], on_refusal=on_refusal)
        else:
            [refused] = metrics or params
            on_refusal(one_line(refused.key), first_line(error))
