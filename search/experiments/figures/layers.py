"""What a network does to its input, step by step, as watched while it runs.

Nothing is told about a network here: operations, shapes and parameters are those of its forward
pass, so that a drawing of them cannot differ from what is trained.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Step", "results_of", "steps_of"]

_NAMES = {
    "conv2d": "convolution",
    "max_pool2d": "max pooling",
    "relu": "ReLU",
    "celu": "CELU",
    "batch_norm": "batch norm",
    "flatten": "flatten",
    "mean": "mean over pixels",
    "linear": "linear",
    "add": "+",
}
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation of a forward pass."""

    operation: str  # as a person calls it, with its size
    shape: Shape  # of what it gives, without the batch
    parameters: int
    inputs: tuple[int, ...]  # the steps whose results it takes; -1 is the network's input


def steps_of(network: Callable[[Tensor], Tensor], x_B: Tensor) -> list[Step]:
    """The operations of `network` on `x_B`, in their order. Which it takes of those above."""
    watch = _Watch(x_B)
    with torch.no_grad(), watch:
        network(x_B)
    return watch.steps


class _Watch(TorchFunctionMode):
    def __init__(self, x_B: Tensor) -> None:
        super().__init__()
        self.steps: list[Step] = []
        # By identity; the results are kept, so that no two have one.
        self.known: dict[int, int] = {id(x_B): -1}
        self.results: list[Tensor] = [x_B]

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name in _NAMES:
            self.known[id(found)] = len(self.steps)
            self.results.append(found)
            self.steps.append(self._step(name, found, [*args, *(kwargs or {}).values()]))
        return found

    def _step(self, name: str, found: Tensor, args: Sequence[Any]) -> Step:
        tensors = [each for each in args if isinstance(each, Tensor)]
        weights = [each for each in tensors if isinstance(each, nn.Parameter)]
        size = ""
        if name == "conv2d":
            stride = args[3] if len(args) > 3 else 1
            size = f" {_by(weights[0].shape[2:])}" + _strided(stride)
        elif name == "max_pool2d":
            size = f" {args[1]}×{args[1]}"
        return Step(
            operation=_NAMES[name] + size,
            shape=tuple(found.shape[1:]),
            parameters=sum(weight.numel() for weight in weights),
            inputs=tuple(self.known[id(each)] for each in tensors if id(each) in self.known),
        )


def _by(sizes: Sequence[int]) -> str:
    return "×".join(str(size) for size in sizes)


def _strided(stride: Any) -> str:
    step = stride[0] if isinstance(stride, tuple) else stride
    return "" if step == 1 else f", stride {step}"


def results_of(call: Callable[[], Any], package: str) -> list[tuple[str, Shape]]:
    """What each function of the modules of `package` gives that `call` calls, where that is a
    tensor: (name of the function, shape). For a network that is functions, not modules."""
    found: list[tuple[str, Shape]] = []

    def watch(frame: FrameType, event: str, value: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "return" and isinstance(value, Tensor) and module.startswith(package):
            found.append((frame.f_code.co_name, tuple(value.shape)))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with torch.no_grad():
            call()
    finally:
        sys.setprofile(before)
    return found
