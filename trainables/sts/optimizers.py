"""Adam and RMSprop for whole tensors and for those rows of a table that a batch touched.

A dense optimiser moves all 13,000 word vectors at each step, though a batch holds 500 of them.
Here the others are left alone, moments included, as in `torch.optim.SparseAdam`.
(Also, `torch.optim` imports torch._dynamo: 1.2 s in a new process.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Adam", "Optimizer", "RMSprop", "Schedule", "build_optimizer"]


class Optimizer(ABC):
    """Updates named tensors in place; add 1 to `steps` before each step's updates."""

    moments_each: int

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters = parameters
        self.steps = 0
        self.moments = {
            name: [torch.zeros_like(value) for _ in range(self.moments_each)]
            for name, value in parameters.items()
        }

    @torch.no_grad()
    def update(self, name: str, gradient: Tensor, learning_rate: float) -> None:
        direction = self._direction(gradient, self.moments[name])
        self.parameters[name].sub_(direction, alpha=learning_rate)

    @torch.no_grad()
    def update_rows(
        self, name: str, rows_U: Tensor, gradient_UD: Tensor, learning_rate: float
    ) -> None:
        """The same for these distinct rows of a table only."""
        moments = [moment[rows_U] for moment in self.moments[name]]
        direction_UD = self._direction(gradient_UD, moments)
        for whole, rows in zip(self.moments[name], moments, strict=True):
            whole.index_copy_(0, rows_U, rows)
        self.parameters[name].index_add_(0, rows_U, direction_UD, alpha=-learning_rate)

    @abstractmethod
    def _direction(self, gradient: Tensor, moments: Sequence[Tensor]) -> Tensor:
        """What to subtract at learning rate 1; updates `moments` in place."""


class Adam(Optimizer):
    """Kingma & Ba 2015 (arXiv:1412.6980), β₁ = .9, β₂ = .999, ε = 1e-8."""

    moments_each = 2

    def _direction(self, gradient: Tensor, moments: Sequence[Tensor]) -> Tensor:
        mean, square = moments
        mean.lerp_(gradient, 1 - 0.9)
        square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
        root = square.sqrt().div_((1 - 0.999**self.steps) ** 0.5).add_(1e-8)
        return torch.div(mean, root, out=root).div_(1 - 0.9**self.steps)


class RMSprop(Optimizer):
    """Hinton's, as in `torch.optim.RMSprop`: α = .99, ε = 1e-8."""

    moments_each = 1

    def _direction(self, gradient: Tensor, moments: Sequence[Tensor]) -> Tensor:
        (square,) = moments
        square.mul_(0.99).addcmul_(gradient, gradient, value=1 - 0.99)
        return gradient / square.sqrt().add_(1e-8)


def build_optimizer(name: str, parameters: Mapping[str, Tensor]) -> Optimizer:
    """`adam` or `rmsprop` over these tensors."""
    kinds: dict[str, type[Optimizer]] = {"adam": Adam, "rmsprop": RMSprop}
    return kinds[name](parameters)


@dataclass
class Schedule:
    """The learning rate's factor: `linear` to zero at the end, or a tenth after a `plateau`, by
    the rule and the defaults of torch.optim.lr_scheduler.ReduceLROnPlateau."""

    kind: str
    factor: float = 1.0
    best: float = float("inf")  # dev MSE
    waited: int = 0  # epochs since the best

    PATIENCE = 20  # the report's
    REDUCTION = 0.1
    THRESHOLD = 1e-4  # of the best: what falls by less is no improvement

    def factor_at(self, done: float) -> float:
        """`done`: the share of all steps up to max_epochs that is behind us."""
        return 1 - done if self.kind == "linear" else self.factor

    def epoch_ended(self, dev_mse: float) -> None:
        if dev_mse < self.best * (1 - self.THRESHOLD):
            self.best, self.waited = dev_mse, 0
        else:
            self.waited += 1
        if self.waited > self.PATIENCE:
            self.factor, self.waited = self.factor * self.REDUCTION, 0
