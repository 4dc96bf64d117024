"""When a study has no hope: every trial fails, or something has broken. Pure."""

from __future__ import annotations

import math

from search.decisions.history import History

__all__ = ["ALIKE_IN_A_ROW", "ONLY_FAILURES", "why_give_up"]

# So many trials that were begun and failed, and not one that has reached a rung, end the study.
ONLY_FAILURES = 5
# So many trials that fail alike, and no epoch between them, end it too.
ALIKE_IN_A_ROW = 10
# Trials that still train may be the good ones, since the bad ones often fail first: for each of
# them so many more must fail. While a first epoch lasts, workers whose trials fail draw again and
# again, until each has a good one: where half of the trials are bad, as many fail as train.
FOR_EACH_AT_WORK = 2
# That failures in a row are chance: below this, something has broken.
BY_CHANCE = 1e-6


def why_give_up(history: History) -> str | None:
    """Why the study is to end now, in one line; None while there is hope.

    Only this session's failures are counted, so that a resume is another try. A trial that was
    refused when it was drawn costs nothing, and is no sign that training fails.
    """
    allowance = FOR_EACH_AT_WORK * history.unfinished
    begun = history.failures_of_begun
    if not history.any_arrived and begun >= ONLY_FAILURES + allowance:
        return f"every trial fails: {history.last_reason}"
    run = history.failures_in_a_row
    if run >= max(ALIKE_IN_A_ROW, _longest_by_chance(history)) + allowance:
        return f"the last {run} trials failed alike, and no epoch ended: {history.last_reason}"
    return None


def _longest_by_chance(history: History) -> int:
    """The longest row of failures that chance explains, by the share of trials that failed before
    it: half of them where nothing is known, and that counts as much as eight trials do."""
    before = history.failed - history.failures_in_a_row
    share = (before + 4) / (before + history.trained + 8)
    return math.ceil(math.log(BY_CHANCE) / math.log(share))
