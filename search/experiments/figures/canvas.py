"""A figure of the report, and the file that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.reports.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "FAINT", "INK", "SOFT", "Drawn", "Undrawn", "blank", "new_figure", "save"]

# Those of a study's page in light (search/reports/page/page.css).
ACCENT, INK, SOFT, FAINT = "#1559c1", "#1d2733", "#66727e", "#dfe6ee"
DOTS_PER_INCH = 150


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure with what is to be read below it."""

    number: int
    title: str
    caption: str
    figure: Figure

    @property
    def name(self) -> str:
        """Of its files, without the ending."""
        return f"figure-{self.number}"


@dataclass(frozen=True, kw_only=True)
class Undrawn:
    """A figure of which there is nothing to draw yet."""

    number: int
    title: str
    why: str  # and what to do


def blank(figure: Figure, width: float, height: float) -> Axes:
    """A drawing board from (0, 0) to (width, height), both in the same unit."""
    axes = figure.add_subplot()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def save(drawn: Drawn, folder: Path) -> list[Path]:
    """As PNG and SVG; the same drawing gives the same files. Raises OSError."""
    import matplotlib

    paths = [folder / f"{drawn.name}.{kind}" for kind in ("png", "svg")]
    with matplotlib.rc_context({"svg.hashsalt": drawn.name, "svg.fonttype": "none"}):
        drawn.figure.savefig(paths[0], dpi=DOTS_PER_INCH)
        drawn.figure.savefig(paths[1], metadata={"Date": None})
    return paths
