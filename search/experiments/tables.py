"""A table of the report with our figures beside its own, as text and as Markdown."""

from __future__ import annotations

from search.experiments.reproduce import Reproduction
from search.reports.numbers import number_text
from search.statistics.intervals import Estimate
from search.tasks.registry import find_task

__all__ = ["as_markdown", "as_text"]


def as_markdown(reproduction: Reproduction) -> str:
    """The table as Markdown."""
    header, *rows = _cells(reproduction)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_notes(reproduction)}"


def as_text(reproduction: Reproduction) -> str:
    """The table for a terminal."""
    cells = _cells(reproduction)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return "\n".join([reproduction.table.title, *lines, "", _notes(reproduction)])


def _cells(reproduction: Reproduction) -> list[list[str]]:
    table = reproduction.table
    metric = find_task(table.task).metric
    header = ["model"]
    for column in table.metrics.values():
        header += [f"{column}, report", f"{column}, ours"]
    rows = []
    for each in reproduction.rows:
        row = [each.row.label]
        for name in table.metrics:
            reported = each.row.reported.get(name)
            row += ["" if reported is None else f"{reported:g}", _shown(each.test.get(name))]
        rows.append([*row, _shown(each.validation)])
    return [[*header, f"{metric} (validation)"], *rows]


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "failed"
    if estimate.low is None or estimate.high is None:
        return number_text(estimate.mean)
    return f"{estimate.mean:.3f} ± {estimate.high - estimate.mean:.3f}"


def _notes(reproduction: Reproduction) -> str:
    seeds = f"{reproduction.seeds} seed{'s' if reproduction.seeds > 1 else ''}"
    spread = ", ± Student's 95% over seeds" if reproduction.seeds > 1 else ""
    reduced = f"REDUCED: {reproduction.reduced}. " if reproduction.reduced else ""
    return (
        f"{reduced}Study {reproduction.study}: {seeds}, {reproduction.epochs} epochs{spread}; "
        "test read once, at the end."
    )
