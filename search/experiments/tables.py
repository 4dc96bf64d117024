"""A table of the report with our figures beside its own, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.experiments.reproduce import Measured, Reproduction
from spaces.report import Column

__all__ = ["as_markdown", "as_text"]

Cells = list[list[str]]  # the header first


def as_markdown(reproduction: Reproduction) -> str:
    """Its tables as Markdown."""
    tables = [_markdown(cells) for cells in _tables(reproduction)]
    return "\n\n".join([*tables, *_notes(reproduction)])


def as_text(reproduction: Reproduction) -> str:
    """Its tables for a terminal."""
    tables = [_aligned(cells) for cells in _tables(reproduction)]
    tables[0] = f"{reproduction.table.title}\n{tables[0]}"
    return "\n\n".join([*tables, *_notes(reproduction)])


def _markdown(cells: Cells) -> str:
    header, *rows = cells
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def _aligned(cells: Cells) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def _tables(reproduction: Reproduction) -> list[Cells]:
    table, rows = reproduction.table, reproduction.rows
    header = ["model", *_heads(column.label for column in table.columns)]
    body = [[_label(each, reproduction.seeds), *_cells(each, table.columns)] for each in rows]
    if not table.by_class:
        return [[header, *body]]
    classes = [
        [column.label, *(cell for each in rows for cell in _cells(each, [column]))]
        for column in table.by_class
    ]
    return [[header, *body], [["class", *_heads(each.row.label for each in rows)], *classes]]


def _heads(labels: Iterable[str]) -> list[str]:
    return [f"{label}, {whose}" for label in labels for whose in ("report", "ours")]


def _label(each: Measured, seeds: int) -> str:
    return each.row.label + ("" if each.runs == seeds else f" ({each.runs} of {seeds} runs)")


def _cells(each: Measured, columns: Sequence[Column]) -> list[str]:
    cells = []
    for column in columns:
        reported = each.row.reported.get(column.name)
        cells += ["" if reported is None else f"{reported:g}", _ours(each, column)]
    return cells


def _ours(each: Measured, column: Column) -> str:
    """Mean, deviation over seeds, and the interval of the mean."""
    known, sd = each.estimate(column), each.sd(column)
    if known is None:
        return "failed"
    digits = 1 if column.per_cent or column.of == "convergence" else 3
    mean = f"{known.mean:.{digits}f}"
    if sd is None or known.low is None or known.high is None:
        return mean
    return f"{mean} ± {sd:.{digits}f} [{known.low:.{digits}f}, {known.high:.{digits}f}]"


def _notes(reproduction: Reproduction) -> list[str]:
    seeds = f"{reproduction.seeds} seed{'s' if reproduction.seeds > 1 else ''}"
    spread = ", ± deviation [95% interval of the mean] over seeds" * (reproduction.seeds > 1)
    reduced = f"REDUCED: {reproduction.reduced}. " if reproduction.reduced else ""
    told = (
        f"{reduced}Study {reproduction.study}: {seeds}, {reproduction.epochs} epochs{spread}; "
        "test read once, at the end."
    )
    return [told, *([reproduction.table.note] if reproduction.table.note else [])]
