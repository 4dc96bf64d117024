"""Pictures of a study as PNG files, for where no page can be shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.reports.ablation import Ablation
from search.reports.page.best_so_far import improvements
from search.reports.page.curves import thinned
from search.reports.page.facts import Facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ablation", "new_figure", "write_pictures"]

# Those of the page in light (page.css).
ACCENT, SOLID, FAINT, FAILED, SOFT = "#1559c1", "#66727e", "#b3bcc5", "#b3371f", "#57616b"
SIZE, DOTS_PER_INCH = (8, 4.5), 120


def write_pictures(facts: Facts, folder: Path) -> list[Path]:
    """best_so_far.png, curves.png and ablation.png, as far as there is something to draw."""
    if not facts.trained:
        return []
    written = []
    for name, draw in (("best_so_far", _best_so_far), ("curves", _curves)):
        axes = new_figure(*SIZE).add_subplot()
        draw(facts, axes)
        axes.set_ylabel(_plain(facts.metric))
        written.append(_save(axes, folder / f"{name}.png"))
    if facts.ablation is not None:
        written.append(draw_ablation(facts.ablation, folder))
    return written


def draw_ablation(ablation: Ablation, folder: Path) -> Path:
    """ablation.png: what each change is worth with its interval, the most valuable on top; filled
    where it is beyond the noise."""
    axes = new_figure(SIZE[0], 1.5 + 0.45 * len(ablation.effects)).add_subplot()
    for shift, colour, name, known in (
        (
            -0.15,
            ACCENT,
            "in the winner",
            [(e.in_winner, e.sure_in_winner) for e in ablation.effects],
        ),
        (
            0.15,
            SOLID,
            f"in {ablation.base}",
            [(e.in_base, e.sure_in_base) for e in ablation.effects],
        ),
    ):
        shown: str | None = _plain(name)
        for line, (estimate, sure) in enumerate(known):
            if estimate is None:
                continue
            ends = [estimate.mean if end is None else end for end in (estimate.low, estimate.high)]
            filled = colour if sure else "white"
            y = line + shift
            axes.plot(ends, [y, y], color=colour, linewidth=1.5)
            axes.plot([estimate.mean], [y], "o", color=colour, markerfacecolor=filled, label=shown)
            shown = None
    axes.axvline(0, color=SOFT, linewidth=1)
    names = [e.change for e in ablation.effects]
    axes.set_yticks(range(len(names)), [_plain(name) for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(
        f"{_plain(ablation.metric)} gained, 95% interval of {ablation.seeds} seeds\n"
        f"filled: beyond the noise (Holm, {2 * len(names)} at once)"
    )
    return _save(axes, folder / "ablation.png")


def new_figure(width: float, height: float) -> Figure:
    """In inches. Without pyplot, which keeps figures and wants a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(axes: Axes, path: Path) -> Path:
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    axes.get_figure(root=True).savefig(path, dpi=DOTS_PER_INCH)  # type: ignore[union-attr]
    return path


def _best_so_far(facts: Facts, axes: Axes) -> None:
    end = facts.history.epochs
    steps = improvements(facts)
    if steps:
        xs = [*(step.epochs for step in steps), end]
        ys = [*(step.value for step in steps), steps[-1].value]
        axes.step(xs, ys, where="post", color=ACCENT, linewidth=2, label="best so far")
        if facts.example_noise is not None:
            low, high = ([y + sign * facts.example_noise for y in ys] for sign in (-1, 1))
            axes.fill_between(xs, low, high, step="post", color=ACCENT, alpha=0.13, linewidth=0)
    for baseline, style in zip(facts.baselines, ("--", ":", "-.") * len(facts.baselines)):  # noqa: B905
        axes.axhline(
            baseline.value, color=SOFT, linestyle=style, linewidth=1, label=_plain(baseline.name)
        )
    axes.set_xlabel("epochs")


def _curves(facts: Facts, axes: Axes) -> None:
    for states, name, colour in (
        (("pruned", "paused"), "stopped at a rung", FAINT),
        (("complete", "running"), "complete", SOLID),
        (("failed",), "failed", FAILED),
    ):
        trials = [trial for trial in facts.of_state(*states) if trial.epochs]
        for number, trial in enumerate(thinned(trials)):
            epochs = range(1, trial.epoch + 1)
            values = [facts.value(trial, epoch) for epoch in epochs]
            marker = "." if trial.epoch == 1 else ""
            shown = name if number == 0 else None
            axes.plot(epochs, values, marker=marker, color=colour, linewidth=1, label=shown)
    if facts.best is not None:
        values = [facts.value(facts.best, epoch + 1) for epoch in range(facts.best.epoch)]
        label = f"trial {facts.best.number}"
        axes.plot(range(1, len(values) + 1), values, color=ACCENT, linewidth=2.5, label=label)
    axes.set_xlabel("epoch")


def _plain(text: str) -> str:
    """Nothing in it is taken for a formula."""
    return text.replace("$", r"\$")
