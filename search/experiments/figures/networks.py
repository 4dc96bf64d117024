"""Figures 1 to 3: LeNet-5, a block of ResNet-18, ResNet-18, as their forward passes tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from search.experiments.figures.canvas import (
    ACCENT,
    FAINT,
    INK,
    SOFT,
    Drawn,
    blank,
    new_figure,
)
from spaces.cnn import POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import nn

    from search.experiments.figures.layers import Step

__all__ = ["lenet", "residual_block", "resnet"]

IMAGE = (3, 32, 32)
TALLEST = 3.0  # of a drawn map of features, in inches: 32 pixels, or 512 numbers


@dataclass(frozen=True, kw_only=True)
class Box:
    """A map of features, and what has made it."""

    made_by: str
    shape: tuple[int, ...]
    parameters: int


def lenet() -> Drawn:
    """Figure 1."""
    import torch

    from search.experiments.figures.layers import steps_of

    model = _build("report LeNet")
    boxes = list(_boxes(steps_of(model, torch.zeros(1, *IMAGE))))
    figure = _drawn_boxes(boxes)
    return Drawn(
        number=1,
        title="LeNet-5",
        caption=f"LeNet-5 for {_shape(IMAGE)} images, {_parameters(model):,} parameters: maps of "
        "features as channels × height × width, what makes each, and the parameters of that. "
        "Pooling comes before the activation, which gives the same and costs a quarter.",
        figure=figure,
    )


def resnet() -> Drawn:
    """Figure 3."""
    model = _build("report Res18")
    boxes, shortcuts = _stages(model)
    figure = _drawn_boxes(boxes, shortcuts)
    return Drawn(
        number=3,
        title="ResNet-18",
        caption=f"ResNet-18 for {_shape(IMAGE)} images, {_parameters(model):,} parameters: its "
        "stem, eight blocks (Figure 2), the mean over pixels and the last layer. An arc is a "
        "block's shortcut, dashed where a 1×1 convolution brings it to the new shape.",
        figure=figure,
    )


def _stages(model: nn.Module) -> tuple[list[Box], dict[int, bool]]:
    """Boxes of the whole modules, and of the number of each block whether it is projected."""
    import torch

    children = []
    for name, child in model.named_children():
        blocks = name.startswith("layer")
        children += [(f"{name}.{n}", b) for n, b in child.named_children()] if blocks else []
        children += [] if blocks else [(name, child)]
    seen: list[tuple[nn.Module, tuple[int, ...], tuple[int, ...]]] = []

    def watch(module: nn.Module, inputs: Any, output: Any) -> None:
        seen.append((module, tuple(inputs[0].shape[1:]), tuple(output.shape[1:])))

    hooks = [child.register_forward_hook(watch) for _, child in children]
    with torch.no_grad():
        model(torch.zeros(1, *IMAGE))
    for hook in hooks:
        hook.remove()
    names = {child: name for name, child in children}
    boxes, shortcuts = [Box(made_by="image", shape=IMAGE, parameters=0)], {}
    for module, taken, given in seen:
        if taken != boxes[-1].shape:
            # Between two modules: the last block's maps become their means.
            boxes.append(Box(made_by="mean over\npixels", shape=taken, parameters=0))
        name = names[module]
        if name.startswith("layer"):
            shortcuts[len(boxes)] = taken != given
        kind = "block" if name.startswith("layer") else type(module).__name__
        made_by = f"{name}\n{kind}"
        boxes.append(Box(made_by=made_by, shape=given, parameters=_parameters(module)))
    return boxes, shortcuts


def residual_block() -> Drawn:
    """Figure 2: one whose shape stays, and one that is projected."""
    import torch

    from search.experiments.figures.layers import steps_of

    model = _build("report Res18")
    figure = new_figure(10, 7)
    board = blank(figure, 20, 14)
    for left, block, taken, title in (
        (1.0, model.get_submodule("layer1.0"), (64, 32, 32), "shape stays (layer1.0)"),
        (11.0, model.get_submodule("layer2.0"), (64, 32, 32), "shape changes (layer2.0)"),
    ):
        steps = steps_of(block, torch.zeros(1, *taken))
        board.text(left + 3, 13.6, title, ha="center", va="top", color=INK, fontsize=11)
        _draw_block(board, left, steps, taken)
    return Drawn(
        number=2,
        title="A block of ResNet-18",
        caption="The two kinds of ResNet-18's blocks, each operation with what it gives (channels "
        "× height × width) and its parameters. The shortcut is added before the last activation; "
        "where the shape changes a 1×1 convolution and a batch norm bring it there.",
        figure=figure,
    )


def _draw_block(board: Axes, left: float, steps: Sequence[Step], taken: tuple[int, ...]) -> None:
    """One operation a line, from the top; those of the shortcut beside the others."""
    total = next(i for i, step in enumerate(steps) if step.operation == "+")
    aside = sorted(_before(steps, steps[total].inputs[-1]))
    main = [i for i in range(len(steps)) if i not in aside]
    top, line = 12.4, 11.4 / len(main)
    x, beside = left + 3, left + 7
    places = {-1: (x, top)} | {n: (x, top - line * k) for k, n in enumerate(main, 1)}
    # In the middle between the block's input and the sum.
    middle = (top + places[total][1]) / 2 + line * (len(aside) - 1) / 2
    places |= {n: (beside, middle - line * k) for k, n in enumerate(aside)}
    for above, below in pairwise([-1, *main]):
        _arrow(board, places[above], places[below])
    shortcut = [places[-1], (beside, top), *(places[n] for n in aside)]
    for start, end in pairwise(shortcut):
        board.plot(*zip(start, end, strict=True), color=ACCENT, linewidth=1.4, zorder=1)
    down = (beside, places[total][1])
    board.plot(*zip(shortcut[-1], down, strict=True), color=ACCENT, linewidth=1.4, zorder=1)
    _arrow(board, down, (x + 0.35, down[1]), ACCENT)
    _node(board, places[-1], f"input\n{_shape(taken)}", FAINT)
    for number, step in enumerate(steps):
        counted = f", {step.parameters:,} parameters" if step.parameters else ""
        colour = FAINT if step.parameters else "white"
        _node(board, places[number], f"{step.operation}\n{_shape(step.shape)}{counted}", colour)


def _before(steps: Sequence[Step], number: int) -> set[int]:
    """The steps that lead to `number`, itself too; none if that is the input."""
    if number < 0:
        return set()
    return {number}.union(*(_before(steps, source) for source in steps[number].inputs))


def _node(board: Axes, place: tuple[float, float], text: str, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": SOFT, "linewidth": 0.8}
    board.text(*place, text, ha="center", va="center", fontsize=7.5, color=INK, bbox=box, zorder=3)


def _arrow(
    board: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = SOFT
) -> None:
    """Between two nodes, whose half height it leaves free."""
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 13}
    board.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)


def _boxes(steps: Sequence[Step]) -> Iterator[Box]:
    """One for each change of shape; what changes none is told with what comes before it."""
    yield Box(made_by="image", shape=IMAGE, parameters=0)
    made: list[Step] = []
    for step in steps:
        if made and step.shape != made[-1].shape:
            yield _box(made)
            made = []
        made.append(step)
    yield _box(made)


def _box(steps: Sequence[Step]) -> Box:
    return Box(
        made_by=",\n".join(
            step.operation.replace("convolution ", "convolution\n") for step in steps
        ),
        shape=steps[-1].shape,
        parameters=sum(step.parameters for step in steps),
    )


def _drawn_boxes(boxes: Sequence[Box], shortcuts: dict[int, bool] | None = None) -> Any:
    """From left to right: as high as the maps are, as wide as they are many."""
    from matplotlib.patches import FancyArrowPatch, Rectangle

    gap, left = 0.65, 0.5
    height = TALLEST + 1.8
    middle = TALLEST / 2 + 0.7
    width = left + sum(_size(box)[0] + gap for box in boxes)
    figure = new_figure(width, height)
    board = blank(figure, width, height)
    centres: list[float] = []
    for box in boxes:
        wide, high = _size(box)
        corner = (left, middle - high / 2)
        board.add_patch(Rectangle(corner, wide, high, facecolor=FAINT, edgecolor=ACCENT))
        x = left + wide / 2
        told = f"{_shape(box.shape)}\n" + (
            f"{box.parameters:,}\nparameters" if box.parameters else ""
        )
        board.text(x, corner[1] - 0.08, told, ha="center", va="top", fontsize=8, color=INK)
        board.text(x, height - 0.1, box.made_by, ha="center", va="top", fontsize=8, color=INK)
        if centres:
            style = {"arrowstyle": "-|>", "color": SOFT, "linewidth": 1}
            board.annotate("", xy=(left, middle), xytext=(left - gap, middle), arrowprops=style)
        centres.append(x)
        left += wide + gap
    for number, projected in (shortcuts or {}).items():
        ends = [(centres[n], middle + _size(boxes[n])[1] / 2) for n in (number - 1, number)]
        board.add_patch(
            FancyArrowPatch(
                *ends,
                connectionstyle="arc3,rad=-0.5",
                arrowstyle="-|>",
                mutation_scale=8,
                linestyle="--" if projected else "-",
                color=ACCENT,
            )
        )
    return figure


def _size(box: Box) -> tuple[float, float]:
    """Width and height in inches."""
    if len(box.shape) == 1:
        return 0.12, TALLEST * math.sqrt(box.shape[0] / 512)
    channels, high, _ = box.shape
    return 0.12 * math.log2(1 + channels), TALLEST * high / 32


def _build(point: str) -> nn.Module:
    from trainables.cnn import Config
    from trainables.cnn.model import build

    return build(Config(**POINTS[point]), seed=0).eval()


def _parameters(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
