"""K LeNets at once: convolutions of all lanes as groups, one by one, or as products of patches.

K lanes, B batch, C channels, H height, W width, O outputs of a layer, D features, L classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Activation", "by_groups", "by_patches", "one_by_one"]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """ReLU or CELU, a lane's own: of both it is the part below 0 that differs."""

    alpha_K: Tensor  # above 0, in a lane of ReLU too
    celu_K: Tensor  # 1 CELU, 0 ReLU

    def __call__(self, x: Tensor, lane: int) -> Tensor:
        """`lane`: the dimension of `x` that is K."""
        shape = [1] * x.dim()
        shape[lane] = -1
        alpha, celu = self.alpha_K.view(shape), self.celu_K.view(shape)
        below = celu * alpha * torch.expm1(x.clamp(max=0) / alpha)
        return torch.where(x > 0, x, below.to(x.dtype))


def by_groups(weights: Sequence[Tensor], x_KBCHW: Tensor, activation: Activation) -> Tensor:
    """Logits (K, B, L). A layer's `weights`: (K, O, …) and (K, O), in LeNet's order."""
    lanes = len(x_KBCHW)
    conv1, bias1, conv2, bias2, *full = weights
    x_BXHW = x_KBCHW.transpose(0, 1).flatten(1, 2)  # X = KC, lane by lane
    for weight, bias in ((conv1, bias1), (conv2, bias2)):
        x_BXHW = functional.conv2d(x_BXHW, weight.flatten(0, 1), bias.flatten(), groups=lanes)
        pooled = functional.max_pool2d(x_BXHW, 2).unflatten(1, (lanes, -1))
        x_BXHW = activation(pooled, 1).flatten(1, 2)
    x_KBD = x_BXHW.unflatten(1, (lanes, -1)).transpose(0, 1).flatten(2)
    return _full(full, x_KBD, activation)


def one_by_one(weights: Sequence[Tensor], x_KBCHW: Tensor, activation: Activation) -> Tensor:
    """The same; each lane's convolution is one of its own, and all else is one for all lanes."""
    lanes, batch = x_KBCHW.shape[:2]
    conv1, bias1, conv2, bias2, *full = weights
    for weight, bias in ((conv1, bias1), (conv2, bias2)):
        each = zip(x_KBCHW, weight, bias, strict=True)
        y_XOHW = torch.cat([functional.conv2d(x, w, b) for x, w, b in each])  # X = KB
        x_KBCHW = functional.max_pool2d(y_XOHW, 2).unflatten(0, (lanes, batch))
        x_KBCHW = activation(x_KBCHW, 0)
    return _full(full, x_KBCHW.flatten(2), activation)


def by_patches(weights: Sequence[Tensor], x_KBCHW: Tensor, activation: Activation) -> Tensor:
    """The same; a convolution is one batched product of all patches, a lane a matrix."""
    lanes, batch = x_KBCHW.shape[:2]
    conv1, bias1, conv2, bias2, *full = weights
    for weight, bias in ((conv1, bias1), (conv2, bias2)):
        side = weight.shape[-1]
        windows = x_KBCHW.unfold(3, side, 1).unfold(4, side, 1).permute(0, 1, 3, 4, 2, 5, 6)
        height, width = windows.shape[2:4]
        patches_KMD = windows.reshape(lanes, batch * height * width, -1)
        y_KMO = torch.baddbmm(bias[:, None], patches_KMD, weight.flatten(2).transpose(1, 2))
        y_XOHW = y_KMO.view(lanes * batch, height, width, -1).permute(0, 3, 1, 2)
        x_KBCHW = functional.max_pool2d(y_XOHW, 2).unflatten(0, (lanes, batch))
        x_KBCHW = activation(x_KBCHW, 0)
    return _full(full, x_KBCHW.flatten(2), activation)


def _full(weights: Sequence[Tensor], x_KBD: Tensor, activation: Activation) -> Tensor:
    *hidden, last, last_bias = weights
    for weight, bias in zip(hidden[::2], hidden[1::2], strict=True):
        x_KBD = activation(torch.baddbmm(bias[:, None], x_KBD, weight.transpose(1, 2)), 0)
    return torch.baddbmm(last_bias[:, None], x_KBD, last.transpose(1, 2))
