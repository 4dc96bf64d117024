"""A chart: plotly's figures as plain dicts, the sentence that concludes, and the same as a table.

Colours are named by tokens (`ACCENT`, …); the page's script puts the colour of the light or the
dark palette in their place (page.js), so that a chart changes with the reader's mode.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.files.text import one_line, writable

__all__ = [
    "ACCENT",
    "BAND",
    "FAILED",
    "FAINT",
    "INK",
    "LINE",
    "PAPER",
    "SOFT",
    "SOLID",
    "Chart",
    "Figure",
    "Table",
    "cell",
    "figure",
    "gap_text",
    "label",
    "many",
    "round_short",
    "rung_colour",
    "score_colours",
    "span_text",
    "table",
    "view",
]

# Text, softer text, grid, the page's ground.
INK, SOFT, LINE, PAPER = "@ink", "@soft", "@line", "@paper"
# The one colour that matters, the same as a band, what is complete, what was stopped, what failed.
ACCENT, BAND, SOLID, FAINT, FAILED = "@accent", "@band", "@solid", "@faint", "@failed"
RUNG_COLOURS = 5
MOST_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Plotly's `data` and `layout`, and what a screen reader is told that it is."""

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    label: str
    height: int = 360
    # Narrower screens scroll it sideways in a frame of its own.
    least_width: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a chart shows, in rows of text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    # Further rows that are not here: they are in trials.parquet.
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One section of the page."""

    id: str
    title: str
    # What to conclude, in sentences of plain text.
    caption: str
    figures: Sequence[Figure] = ()
    table: Table | None = None
    # Further tables, by what they tell.
    more: Mapping[str, Table] = field(default_factory=dict)
    # How to read it.
    note: str = ""
    # Many small figures side by side.
    small: bool = False


def figure(
    data: Sequence[Mapping[str, Any]],
    *,
    label: str,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    height: int = 360,
    **layout: Any,
) -> Figure:
    """A figure on two axes. `x` and `y`: plotly's settings of the axes."""
    axis = {"automargin": True, "zeroline": False}
    return Figure(
        data=data,
        layout={"xaxis": {**axis, **x}, "yaxis": {**axis, **y}, **layout},
        label=label,
        height=height,
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Rows of anything, the first `MOST_ROWS` of them."""
    shown = [[cell(value) for value in row] for row in rows[:MOST_ROWS]]
    return Table(columns=columns, rows=shown, left_out=len(rows) - len(shown))


def cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else "unknown"
    return "" if value is None else one_line(writable(str(value)))


def label(text: Any, most: int = 60) -> str:
    """A user's text for a chart, where plotly would take some of HTML for markup."""
    line = one_line(writable(str(text)))
    return html.escape(line if len(line) <= most else line[: most - 1] + "…", quote=False)


def round_short(value: float | None) -> float | None:
    """With the digits that a picture can show."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def rung_colour(index: int, rungs: int) -> str:
    """Of the rung of that index, from faint to the accent; the last is the end."""
    step = round(index * (RUNG_COLOURS - 1) / max(rungs - 1, 1))
    return f"@rung{step}"


def score_colours(values: Sequence[float], sign: int) -> dict[str, Any]:
    """Plotly's colours of these scores, from faint to the accent, the better the nearer to it; what
    is below the lowest quarter is alike. `sign`: -1 where smaller is better."""
    ordered = sorted(sign * value for value in values)
    low, high = sorted(sign * value for value in (ordered[len(ordered) // 4], ordered[-1]))
    last = RUNG_COLOURS - 1
    scale = [[i / last, f"@rung{i if sign > 0 else last - i}"] for i in range(RUNG_COLOURS)]
    return {
        "color": [round_short(value) for value in values],
        "colorscale": scale,
        "cmin": round_short(low),
        "cmax": round_short(high),
    }


def gap_text(value: float) -> str:
    """How far two scores are apart: two digits, since the noise of most is larger."""
    return f"{value:.2g}"


def view(values: Sequence[float], sign: int, must: Sequence[float] = ()) -> dict[str, Any]:
    """Plotly's range of an axis of scores: where a few lie far below, the upper half is what is
    looked at. `must`: what is to be seen beside, but for what is as far below."""
    ordered = sorted(sign * value for value in values)
    if len(ordered) < 8:
        return {}
    upper = ordered[len(ordered) // 2 :]
    low, high = upper[0], upper[-1]
    near = [sign * value for value in must if sign * value >= low - (high - low)]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.06 * (high - low)
    if margin == 0:
        return {}
    ends = (sign * (low - margin), sign * (high + margin))
    return {"range": [round_short(end) for end in sorted(ends)]}


def many(count: int, noun: str) -> str:
    """As "1 trial", "2 trials"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span_text(seconds: float) -> str:
    """A time as a person says it: 48 s, 4 min 12 s, 3 h 05 min, 2 days 4 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{many(whole // 86400, 'day')} {whole % 86400 // 3600} h"
