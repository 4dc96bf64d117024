"""What a study will cost, known before it starts. Pure functions."""

from __future__ import annotations

from search.decisions.history import History
from search.tasks.config import StudyConfig

__all__ = [
    "LIMITED",
    "arrivals",
    "brackets",
    "describe",
    "disk_gib",
    "ladder_of",
    "lost_epochs",
    "most_epochs",
    "most_epochs_of",
    "most_without_budget",
    "rungs",
]

# The rules under which the epochs are known before the start: at most ⌊n/η⌋ of the n trials
# recorded at a rung ever advance from it.
LIMITED = ("asha", "hyperband")
CHECKPOINTS_KEPT = 2  # of each trial (KEPT in trainables/checkpoint.py, which imports torch)


def rungs(min_epochs: int, max_epochs: int, reduction_factor: int) -> list[int]:
    """The epochs at which trials are compared, ascending: r·ηᵏ below R, then R itself.

    `min_epochs`: r, `max_epochs`: R, `reduction_factor`: η in Li et al. 2020 (arXiv:1810.05934).
    In whole numbers: through logarithms, rounding loses a rung (log 243 / log 3 < 5).

    >>> rungs(1, 9, 3)
    [1, 3, 9]
    """
    ladder = []
    rung = min_epochs
    while rung < max_epochs:
        ladder.append(rung)
        rung *= reduction_factor
    return [*ladder, max_epochs]


def ladder_of(config: StudyConfig) -> list[int]:
    """The study's rungs."""
    return rungs(config.min_epochs, config.max_epochs, config.reduction_factor)


def brackets(ladder: list[int], factor: int) -> list[int]:
    """Of each trial of a cycle of Hyperband, by its place, the rung that its bracket begins at.

    >>> brackets([1, 3, 9], 3)
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    """
    rungs = len(ladder)
    sizes = [-(-rungs * factor**above // (above + 1)) for above in reversed(range(rungs))]
    return [first for first, size in enumerate(sizes) for _ in range(size)]


def most_epochs(trials: int, baselines: int, ladder: list[int], factor: int, scheduler: str) -> int:
    """The most epochs that a study of `trials`, the first `baselines` at full length, can train if
    none fails; `lost_epochs` come on top.

    Under LIMITED it trains exactly as many. The published rule has no such limit: in the worst
    order of arrival each trial is the best so far and trains in full.
    """
    if scheduler not in LIMITED:
        return trials * ladder[-1]
    total, trained = baselines * ladder[-1], 0
    arriving = arrivals(trials, baselines, ladder, factor, scheduler)
    for rung, count in zip(ladder, arriving, strict=True):
        total += count * (rung - trained)
        trained = rung
    return total


def arrivals(
    trials: int, baselines: int, ladder: list[int], factor: int, scheduler: str = "asha"
) -> list[int]:
    """How many trials train to each rung by a rule of LIMITED, if none fails; the first
    `baselines`, which train in full, are not among them."""
    cycle = brackets(ladder, factor) if scheduler == "hyperband" else [0]
    whole, rest = divmod(trials - baselines, len(cycle))
    found = [0] * len(ladder)
    for first in set(cycle):
        arriving = whole * cycle.count(first) + cycle[:rest].count(first)
        for place in range(len(ladder)):
            if place > first:
                arriving //= factor
            found[place] += arriving
    if not baselines and trials:
        # The winner that every study has (asha.py).
        found = [max(arriving, 1) for arriving in found]
    return found


def lost_epochs(history: History, baselines: int, ladder: list[int]) -> int:
    """What trials that failed have trained at most without use for the others, in epochs: all of
    it for the first `baselines`, of the others what is beyond their first rung, since each gives
    its place to another."""
    return sum(
        max(trial.epoch - (0 if trial.number < baselines else ladder[0]), 0)
        for trial in history.failed_trials()
    )


def most_epochs_of(
    config: StudyConfig, trials: int, baselines: int, history: History | None = None
) -> int:
    """The most epochs that this study can train when it is `trials` long, if none fails from now
    on: `history` is what is known of it. Its budget bounds it."""
    most = most_without_budget(config, trials, baselines, history)
    return min(most, config.budget_epochs or most)


def most_without_budget(
    config: StudyConfig, trials: int, baselines: int, history: History | None = None
) -> int:
    """As `most_epochs_of`, whatever its budget is."""
    ladder = ladder_of(config)
    baselines = min(baselines, trials)
    most = most_epochs(trials, baselines, ladder, config.reduction_factor, config.scheduler)
    if history is None or config.scheduler not in LIMITED:
        return most
    return most + lost_epochs(history, baselines, ladder)


def disk_gib(trials: int, checkpoint_mib: float) -> float:
    """The most disk that checkpoints take, in GiB: of each trial the last two."""
    return trials * CHECKPOINTS_KEPT * checkpoint_mib / 1024


def describe(
    config: StudyConfig, trials: int, baselines: int, checkpoint_mib: float | None = None
) -> str:
    """What will happen, in two lines, for a user who may still change their mind."""
    ladder = ladder_of(config)
    rung_list = ", ".join(str(rung) for rung in ladder)
    most = most_epochs_of(config, trials, baselines)
    # One that fails gives its place to another; the other rules let all train in full.
    if_none_fails = " if no trial fails" if config.scheduler in LIMITED and len(ladder) > 1 else ""
    disk = ""
    if checkpoint_mib is not None:
        disk = f", {disk_gib(trials, checkpoint_mib):.1f} GiB of checkpoints"
    return (
        f"study {config.name}: {trials} trials of {config.task} on {config.dataset}, "
        f"{config.workers} at a time\n"
        f"at most {most} epochs{if_none_fails} ({config.scheduler}; rungs at epochs {rung_list}; "
        f"{min(baselines, trials)} named points in full){disk}{_ends(config)}"
    )


def _ends(config: StudyConfig) -> str:
    budget = f"; a budget of {config.budget_epochs}" if config.budget_epochs else ""
    return budget + ("; sooner where more would bring no gain" * config.stop_when_no_gain)
