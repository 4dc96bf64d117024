"""A (bidirectional) LSTM layer over packed sequences: on a core with its backward pass written
out, on a GPU by torch's (cuDNN's). Both give the same within rounding; a test holds them to 1e-9 in
double precision.

Against torch's, a core saves three things: the input projection is made once for each distinct
input row and then gathered (a batch holds a word several times), both directions are one batched
matrix product at each step, and the recurrent weight's gradient is one product after the loop. On a
GPU all that is two dozen small kernels a time step, where cuDNN has one for the whole sequence.

Equations: Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000), as in
`torch.nn.LSTM`; gates lie in the order o, i, f, g, so that the three sigmoids are neighbours, and
the three that act on the cell are too.

Shapes: R directions, X distinct input rows, D input features, H hidden units, G = 4H gates,
P packed positions (see batches.py), S sentences, T tokens, F = RH features.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.sts.batches import Layout

__all__ = ["lstm", "lstm_by_recurrence", "lstm_by_torch"]


def lstm(
    x_XD: Tensor,
    row_T: Tensor | None,
    layout: Layout,
    w_in_RDG: Tensor,
    bias_R1G: Tensor,
    w_h_RHG: Tensor,
) -> Tensor:
    """The hidden states of each token, both directions side by side, (T, F); from zero states.

    `row_T`: the row of `x_XD` that token t reads; None where they are the tokens themselves.
    """
    by_device = lstm_by_torch if x_XD.is_cuda else lstm_by_recurrence
    return by_device(x_XD, row_T, layout, w_in_RDG, bias_R1G, w_h_RHG)


def lstm_by_torch(
    x_XD: Tensor,
    row_T: Tensor | None,
    layout: Layout,
    w_in_RDG: Tensor,
    bias_R1G: Tensor,
    w_h_RHG: Tensor,
) -> Tensor:
    """As `lstm`, by torch's packed LSTM."""
    directions, units = w_h_RHG.shape[:2]
    token_P = layout.token_RP[0]
    x_PD = F.embedding(token_P if row_T is None else row_T[token_P], x_XD)
    no_bias_G = x_XD.new_zeros(4 * units)
    weights = []
    for w_in_DG, bias_1G, w_h_HG in zip(w_in_RDG, bias_R1G, w_h_RHG, strict=True):
        # Its gates lie in the order i, f, g, o.
        ours = (w_in_DG.T, w_h_HG.T, bias_1G[0])
        weights += [*(weight.roll(-units, 0) for weight in ours), no_bias_G]
    zero_RSH = x_XD.new_zeros(directions, layout.sizes[0], units)
    h_PF, _, _ = torch.lstm(
        x_PD,
        torch.tensor(layout.sizes),
        (zero_RSH, zero_RSH),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),
        bidirectional=directions == 2,
    )
    return F.embedding(layout.packed_TR[:, 0], h_PF)


def lstm_by_recurrence(
    x_XD: Tensor,
    row_T: Tensor | None,
    layout: Layout,
    w_in_RDG: Tensor,
    bias_R1G: Tensor,
    w_h_RHG: Tensor,
) -> Tensor:
    """As `lstm`, step by step."""
    directions, rows = len(w_in_RDG), len(x_XD)
    projected_RXG = torch.baddbmm(bias_R1G, x_XD.expand(directions, -1, -1), w_in_RDG)
    row_RP = layout.token_RP if row_T is None else row_T[layout.token_RP]
    row_RP = row_RP + rows * torch.arange(directions, device=row_RP.device)[:, None]
    h_RPH: Tensor = _Recurrence.apply(projected_RXG, w_h_RHG, row_RP, layout.sizes, layout.previous)
    return _in_sentence_order(h_RPH, layout)


def _in_sentence_order(h_RPH: Tensor, layout: Layout) -> Tensor:
    """Both directions' features of each token, (T, F)."""
    directions, positions, units = h_RPH.shape
    at_TR = layout.packed_TR + positions * torch.arange(directions, device=h_RPH.device)
    return F.embedding(at_TR, h_RPH.view(-1, units)).flatten(1)


class _Recurrence(torch.autograd.Function):
    """Gather the projected rows, then run the recurrence."""

    @staticmethod
    def forward(
        ctx: Any,
        projected_RXG: Tensor,
        w_h_RHG: Tensor,
        row_RP: Tensor,
        sizes: list[int],
        previous: Tensor,
    ) -> Tensor:
        directions, positions = row_RP.shape
        units, gates = w_h_RHG.shape[1:]
        z_RPG = F.embedding(row_RP, projected_RXG.view(-1, gates))
        c_RPH = z_RPG.new_empty(directions, positions, units)
        tanh_c_RPH, h_RPH = torch.empty_like(c_RPH), torch.empty_like(c_RPH)
        h = c = None
        for now in _steps(sizes):
            z, n = z_RPG[:, now], now.stop - now.start
            if h is not None:
                torch.baddbmm(z, h[:, :n], w_h_RHG, out=z)
            # tanh(x) = 2σ(2x) - 1: torch's sigmoid is several times faster than its tanh here.
            g = z[..., 3 * units :].mul_(2.0)
            z.sigmoid_()
            g.mul_(2.0).sub_(1.0)
            o, i, f, _ = z.split(units, dim=2)  # type: ignore[no-untyped-call]
            new_c = torch.mul(i, g, out=c_RPH[:, now])
            if c is not None:
                new_c.addcmul_(f, c[:, :n])
            c = new_c
            tanh_c = torch.mul(c, 2.0, out=tanh_c_RPH[:, now]).sigmoid_().mul_(2.0).sub_(1.0)
            h = torch.mul(o, tanh_c, out=h_RPH[:, now])
        ctx.save_for_backward(w_h_RHG, row_RP, previous, z_RPG, c_RPH, tanh_c_RPH, h_RPH)
        ctx.sizes, ctx.rows = sizes, projected_RXG.shape[1]
        return h_RPH

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        w_h_RHG, row_RP, previous, z_RPG, c_RPH, tanh_c_RPH, h_RPH = ctx.saved_tensors
        directions, positions, units = h_RPH.shape
        gates, sentences = 4 * units, ctx.sizes[0]
        o, i, f, g = z_RPG.split(units, dim=2)
        # What does not depend on the recurrence is computed for all positions at once.
        dc_dh_RPH = o * (1 - tanh_c_RPH.square())
        slope_RP4H = z_RPG.new_empty(directions, positions, 4, units)
        torch.mul(tanh_c_RPH, o * (1 - o), out=slope_RP4H[:, :, 0])
        torch.mul(g, i * (1 - i), out=slope_RP4H[:, :, 1])
        slope_RP4H[:, :sentences, 2] = 0  # the cell before the first step is zero
        slope_RP4H[:, sentences:, 2] = (
            c_RPH.index_select(1, previous) * (f * (1 - f))[:, sentences:]
        )
        torch.mul(i, 1 - g.square(), out=slope_RP4H[:, :, 3])
        dz_RP4H, dz_RPG = slope_RP4H, slope_RP4H.view(directions, positions, gates)
        dh_RPH = gradients[0].clone(memory_format=torch.contiguous_format)
        dc_RSH = z_RPG.new_zeros(directions, sentences, units)
        w_t_RGH = w_h_RHG.transpose(1, 2)
        steps = list(_steps(ctx.sizes))
        for before, now in reversed(list(zip([None, *steps], steps, strict=False))):
            n = now.stop - now.start
            dh, dc = dh_RPH[:, now], dc_RSH[:, :n]
            dc.addcmul_(dh, dc_dh_RPH[:, now])
            dz_RP4H[:, now, 0].mul_(dh)
            dz_RP4H[:, now, 1:].mul_(dc.unsqueeze(2))
            dc.mul_(f[:, now])
            if before is not None:
                target = dh_RPH[:, before.start : before.start + n]
                torch.baddbmm(target, dz_RPG[:, now], w_t_RGH, out=target)
        dw_RHG = h_RPH.index_select(1, previous).transpose(1, 2) @ dz_RPG[:, sentences:]
        dprojected = torch.ops.aten.embedding_dense_backward(
            dz_RPG.view(-1, gates), row_RP.view(-1), directions * ctx.rows, -1, False
        )
        return dprojected.view(directions, ctx.rows, gates), dw_RHG, None, None, None


def _steps(sizes: list[int]) -> Iterator[slice]:
    """The packed positions of each time step."""
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
    return (slice(start, stop) for start, stop in pairwise(ends))
