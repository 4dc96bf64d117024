"""A study as a screen and as a line: pure functions of where it stands (standing.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.decisions.gain import FURTHER
from search.files.text import one_line
from search.reports.numbers import number_text, number_texts
from search.reports.standing import Best, Standing, Work
from search.reports.time_left import clock, time_left_text

__all__ = ["line", "screen", "sparkline"]

WIDE = 110  # columns, from which tables lie side by side
GROUPED = 16  # more workers are told in groups
BLOCKS, BLOCKS_ASCII = "▁▂▃▄▅▆▇█", ".:-=+*#@"
CURVE_WIDTH = 18


def line(standing: Standing) -> str:
    """One plain line, without a line's end."""
    elapsed = clock(standing.elapsed_s)
    if standing.problem:
        return f"{elapsed}  {standing.problem}"
    if not standing.begun:
        return f"{elapsed}  starting"
    return (
        f"{elapsed}  {_counts(standing)}; epochs {standing.epochs} of {standing.most_epochs}, "
        f"{_left(standing)}; {_incumbent(standing)}"
    )


def screen(
    standing: Standing, *, width: int = 100, height: int = 40, ascii_only: bool = False
) -> RenderableType:
    """What a terminal of `width` columns shows in at most `height` lines."""
    if not standing.begun:
        told = f"study {standing.name}: starting {standing.workers} workers"
        return Group(_cut(told, width, "bold"), *_problem(standing))
    below: list[RenderableType] = [
        *[_cut(text, width) for text in _baselines(standing, width)],
        *[_cut(text, width) for text in _gain(standing)],
        *[_cut(text, width) for text in _workers(standing, width)],
        *[_cut(text, width, "yellow") for text in _failures(standing)],
        *_problem(standing),
    ]
    rungs, room = _rungs(standing), height - 5 - len(below)
    tall = len(standing.rungs) + 1
    count = max(room - 1 - (0 if width >= WIDE else tall + 1), 1)
    best = _best(standing, count, ascii_only)
    tables: list[RenderableType] = [rungs, Text(""), best]
    if width >= WIDE:
        beside = Table.grid(padding=(0, 6))
        beside.add_row(rungs, best)
        tables = [beside]
    return Group(
        _title(standing, width), _bar(standing, width), Text(""), *tables, Text(""), *below
    )


def _title(standing: Standing, width: int) -> Text:
    title = Text(f"study {one_line(standing.name)}", style="bold")
    title.append(f"  {_counts(standing)}, of {standing.trials}", style="not bold")
    title.truncate(width, overflow="ellipsis")
    return title


def _bar(standing: Standing, width: int) -> Table:
    told = (
        f"{standing.epochs} of at most {standing.most_epochs} epochs  "
        f"{clock(standing.elapsed_s)} gone, {_left(standing)}"
    )
    grid = Table.grid(padding=(0, 1))
    total = max(standing.most_epochs, 1)
    room = max(width - len(told) - 2, 8)
    done = total if standing.ended == "finished" else standing.epochs
    grid.add_row(ProgressBar(total=total, completed=done, width=min(room, 40)), told)
    return grid


def _left(standing: Standing) -> str:
    return standing.ended or time_left_text(standing.left)


def _counts(standing: Standing) -> str:
    told = ", ".join(f"{count} {state}" for state, count in standing.counts.items())
    return told or "no trial yet"


def _incumbent(standing: Standing) -> str:
    best = standing.incumbent
    if best is None:
        return "no trial is complete yet"
    return f"{one_line(standing.metric)} {number_text(best.value)} (trial {best.trial})"


def _baselines(standing: Standing, width: int) -> list[str]:
    """The incumbent, and how much better it is than each baseline."""
    best = standing.incumbent
    if best is None:
        return ["best: no trial is complete yet"]
    values = [best.value, *(value for _, value in standing.baselines)]
    texts = number_texts(values)
    told = f"best: {one_line(standing.metric)} {texts[0]} (trial {best.trial})"
    if not standing.baselines:
        return [told]
    better = [
        number_text((best.value - value) * (1 if standing.maximise else -1), signed=True)
        for _, value in standing.baselines
    ]
    known = zip(standing.baselines, texts[1:], better, strict=True)
    others = [f"{one_line(name)} {text} ({gain})" for (name, _), text, gain in known]
    return [told, *_packed(others, width, "  against: ")]


def _gain(standing: Standing) -> list[str]:
    gain = standing.gain
    if gain is None:
        return []
    expected = f"{gain.mean:.2g} ({gain.low:.2g} to {gain.high:.2g})"
    return [f"{FURTHER} more trials: {expected} better; it ends below {gain.enough:.2g}"]


def _rungs(standing: Standing) -> Table:
    table = _table("rung", "reached", "went on", "best", "cut-off")
    shown = [rung.best for rung in standing.rungs] + [rung.cut_off for rung in standing.rungs]
    values = [value for value in shown if value is not None]
    texts = dict(zip(values, number_texts(values), strict=True))
    for rung in standing.rungs:
        table.add_row(
            f"epoch {rung.epoch}",
            str(rung.reached),
            str(rung.went_on),
            "" if rung.best is None else texts[rung.best],
            "" if rung.cut_off is None else texts[rung.cut_off],
        )
    return table


def _best(standing: Standing, count: int, ascii_only: bool) -> Table:
    table = _table("trial", one_line(standing.metric), "epoch")
    table.add_column("curve", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows: Sequence[Best] = standing.best[:count]
    curve = [value for best in rows for value in best.curve]
    texts = number_texts([best.value for best in rows])
    for best, text in zip(rows, texts, strict=True):
        known = standing.incumbent is not None and best.trial == standing.incumbent.trial
        table.add_row(
            str(best.trial),
            text,
            str(len(best.curve)),
            sparkline(best.curve, min(curve), max(curve), ascii_only=ascii_only),
            best.state,
            style="bold green" if known else "",
        )
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def sparkline(curve: Sequence[float], low: float, high: float, *, ascii_only: bool = False) -> str:
    """The curve as one character an epoch, or a few epochs, between `low` and `high`."""
    blocks = BLOCKS_ASCII if ascii_only else BLOCKS
    step = max(len(curve) / CURVE_WIDTH, 1.0)
    ends = [min(int((i + 1) * step), len(curve)) - 1 for i in range(int(len(curve) / step + 1e-9))]
    span = (high - low) or 1.0
    last = len(blocks) - 1
    return "".join(blocks[min(int((curve[end] - low) / span * last + 0.5), last)] for end in ends)


def _workers(standing: Standing, width: int) -> list[str]:
    idle = max(standing.workers - len(standing.work), 0)
    busy = f"workers: {len(standing.work)} of {standing.workers} train"
    if standing.utilisation is not None:
        busy += f"; {standing.utilisation:.0%} of core time trained"
    if standing.workers > GROUPED:
        groups = Counter(work.target for work in standing.work)
        told = [f"{count} to epoch {target}" for target, count in sorted(groups.items())]
    else:
        told = [_doing(work) for work in standing.work]
    told += [f"{idle} idle"] if idle and not standing.ended else []
    return [busy, *_packed(told, width, "  ")]


def _doing(work: Work) -> str:
    return f"trial {work.trial}: epoch {work.epoch} of {work.target}"


def _packed(parts: Sequence[str], width: int, lead: str) -> list[str]:
    """In as few lines as hold them, none cut."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f", {part}"
        else:
            lines.append((" " * len(lead) if lines else lead) + part)
    return lines


def _failures(standing: Standing) -> list[str]:
    return [f"failed: {count} × {one_line(reason)}" for reason, count in standing.failures]


def _problem(standing: Standing) -> list[Text]:
    texts = [standing.problem] if standing.problem else []
    return [Text(text, style="red") for text in texts]


def _cut(text: str, width: int, style: str = "") -> Text:
    cut = Text(text, style=style)
    cut.truncate(width, overflow="ellipsis")
    return cut
