"""The LSTM layer of sts with every batch filled up to a bucket's shape, each a CUDA graph.

A measurement, no part of the service: it tells whether our recurrence, some two dozen small kernels
a time step, beats cuDNN's packed LSTM once a graph starts them all. A graph is made once a process
and shape: the sentences, the time steps and the distinct words of a batch, both rounded up.

Shapes as in trainables/sts/lstm.py; Q the positions of a bucket, time steps × sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.sts.batches import Layout
from trainables.sts.lstm import lstm, lstm_by_recurrence

__all__ = ["Buckets"]

STEPS, WORDS = 8, 256  # lengths, and numbers of words, are rounded up to a multiple

Bucket = Callable[..., Tensor]


class Buckets:
    """To take the place of `trainables.sts.lstm.lstm`; without a graph it only fills up."""

    def __init__(self, *, graph: bool) -> None:
        self.graph = graph
        self.made: dict[tuple[object, ...], Bucket] = {}
        self.making_s = 0.0

    def __call__(
        self,
        x_XD: Tensor,
        row_T: Tensor | None,
        layout: Layout,
        w_in_RDG: Tensor,
        bias_R1G: Tensor,
        w_h_RHG: Tensor,
    ) -> Tensor:
        """As `lstm`."""
        weights = (w_in_RDG, bias_R1G, w_h_RHG)
        if not torch.is_grad_enabled():
            return lstm(x_XD, row_T, layout, *weights)
        directions, sentences = len(w_in_RDG), layout.sizes[0]
        steps = _rounded(len(layout.sizes), STEPS)
        place_P = _places(layout.sizes).to(x_XD.device)
        row_RQ = place_P.new_zeros(directions, steps * sentences)
        row_RQ[:, place_P] = layout.token_RP if row_T is None else row_T[layout.token_RP]
        filled_XD = functional.pad(x_XD, (0, 0, 0, _rounded(len(x_XD), WORDS) - len(x_XD)))
        inputs = (filled_XD, row_RQ, *weights)
        h_QF = self._bucket(sentences, steps, inputs)(*inputs)
        h_QRH = h_QF.unflatten(1, (directions, -1))
        direction_R = torch.arange(directions, device=x_XD.device)
        return h_QRH[place_P[layout.packed_TR], direction_R].flatten(1)

    def _bucket(self, sentences: int, steps: int, inputs: tuple[Tensor, ...]) -> Bucket:
        key = (sentences, steps, *(value.shape for value in inputs), inputs[0].requires_grad)
        if key not in self.made:
            begun = time.perf_counter()
            self.made[key] = bucket = partial(_bucket, sentences, steps)
            if self.graph:
                samples = tuple(
                    value.detach().clone().requires_grad_(value.requires_grad) for value in inputs
                )
                self.made[key] = torch.cuda.make_graphed_callables(bucket, samples)  # type: ignore[no-untyped-call]
            self.making_s += time.perf_counter() - begun
        return self.made[key]


def _bucket(sentences: int, steps: int, x_XD: Tensor, row_RQ: Tensor, *weights: Tensor) -> Tensor:
    """Hidden states of all positions, (Q, F): no sentence ends before another."""
    directions, positions = row_RQ.shape
    # Made here, in a graph's own memory: it may read no other once this call has ended.
    every_Q = torch.arange(positions, device=row_RQ.device)
    layout = Layout(
        sizes=[sentences] * steps,
        token_RP=row_RQ,
        packed_TR=every_Q[:, None].expand(-1, directions),
        previous=every_Q[:-sentences],
        **dict.fromkeys(("first_S", "last_S", "length_S"), every_Q[:0]),
    )
    return lstm_by_recurrence(x_XD, None, layout, *weights)


def _places(sizes: list[int]) -> Tensor:
    """Where each packed position lies in the bucket, (P,)."""
    first, counts = np.arange(len(sizes)) * sizes[0], np.asarray(sizes)
    within_P = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return torch.from_numpy(np.repeat(first, counts) + within_P)


def _rounded(n: int, to: int) -> int:
    return -(-n // to) * to
