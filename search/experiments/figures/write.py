"""All nine figures into a folder, with a page that holds them and their captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.errors import UserError
from search.experiments.figures.activations import activations
from search.experiments.figures.canvas import Drawn, Undrawn, save
from search.experiments.figures.filters import filters
from search.experiments.figures.losses import losses
from search.experiments.figures.networks import lenet, residual_block, resnet
from search.experiments.figures.siamese import siamese
from search.files.text import write_whole
from search.record.record import Record

__all__ = ["PAGE", "figures", "write_figures"]

PAGE = "README.md"


def figures(record: Record, asked: str = "") -> list[Drawn | Undrawn]:
    """In the report's order. `asked`: options of the commands that train what is missing."""
    return [
        lenet(),
        residual_block(),
        resnet(),
        activations(),
        siamese(),
        losses(record, 6, "Losses of LeNet-5", "table1", asked),
        losses(record, 7, "Losses of ResNet-18", "table2", asked),
        filters(record, asked),
        losses(record, 9, "Losses of the sentence encoders", "table4", asked),
    ]


def write_figures(
    record: Record, folder: Path, asked: str = "", *, say: Callable[[str], None]
) -> list[Path]:
    """Write each as PNG and SVG, and the page; what is not trained yet is told and left out.
    Raises UserError (the folder cannot be written)."""
    found = figures(record, asked)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [path for each in found if isinstance(each, Drawn) for path in save(each, folder)]
        written.append(write_whole(_page(found), folder / PAGE))
    except OSError as error:
        raise UserError(f"the figures cannot be written to {folder}: {error}") from error
    for each in found:
        if isinstance(each, Undrawn):
            say(f"figure {each.number}, {each.title}, is not drawn: {each.why}")
    return written


def _page(found: list[Drawn | Undrawn]) -> str:
    parts = ["# The figures of the course report, drawn anew"]
    for each in found:
        parts.append(f"## Figure {each.number}: {each.title}")
        if isinstance(each, Drawn):
            parts += [f"![{each.title}]({each.name}.png)", each.caption]
        else:
            parts.append(f"Not drawn: {each.why}.")
    return "\n\n".join(parts) + "\n"
