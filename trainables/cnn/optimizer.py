"""SGD with momentum, the same numbers as `torch.optim.SGD`.

Constructing any optimiser of torch.optim imports torch._dynamo: 80 MB of private memory in every
trial process and more than a second of its start, for what takes five lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["SGD"]


class SGD:
    """Weight decay into the gradient, then heavy-ball or Nesterov momentum, undampened."""

    def __init__(
        self, parameters: Iterable[Tensor], *, momentum: float, nesterov: bool, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self.velocities = [torch.zeros_like(weight) for weight in self.parameters]
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move each parameter along its gradient; the gradients are used up."""
        gradients = [weight.grad for weight in self.parameters if weight.grad is not None]
        torch._foreach_add_(gradients, self.parameters, alpha=self.weight_decay)
        torch._foreach_mul_(self.velocities, self.momentum)
        torch._foreach_add_(self.velocities, gradients)
        if self.nesterov:
            torch._foreach_add_(gradients, self.velocities, alpha=self.momentum)
        moves = gradients if self.nesterov else self.velocities
        torch._foreach_add_(self.parameters, moves, alpha=-learning_rate)
        for weight in self.parameters:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"velocities": self.velocities}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for velocity, saved in zip(self.velocities, state["velocities"], strict=True):
            velocity.copy_(saved)
