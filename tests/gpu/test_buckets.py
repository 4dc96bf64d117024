"""A batch filled up to its bucket gives what the same batch gives without."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.gpu.buckets import Buckets
from trainables.sts import Config
from trainables.sts.batches import layout
from trainables.sts.lstm import lstm_by_recurrence
from trainables.sts.model import initialise


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("words", [None, 6], ids=["tokens", "words"])
def test_filling_up_changes_nothing(directions: int, words: int | None) -> None:
    """Forward and backward in double precision, to 1e-9: lengths of one bucket and of another."""
    buckets = Buckets(graph=False)
    generator = torch.Generator().manual_seed(0)
    config = Config(dimension=5, hidden=3, bidirectional=directions == 2)
    parameters = initialise(config, generator)
    weights = [
        parameters[f"lstm.0.{n}"].double().requires_grad_() for n in ("input", "bias", "hidden")
    ]
    for lengths in ([4, 4, 2, 1], [9, 7, 7, 1], [8, 8, 8, 8], [1, 1, 1, 1]):
        packed = layout(np.array(lengths), directions, torch.device("cpu"))
        tokens = sum(lengths)
        row_T = None
        if words is not None:
            row_T = torch.randint(words, (tokens,), generator=generator)
        x_XD = torch.randn(words or tokens, 5, generator=generator, dtype=torch.float64)
        inputs = [x_XD.requires_grad_(), *weights]
        found = []
        for function in (lstm_by_recurrence, buckets):
            h_TF = function(inputs[0], row_T, packed, *weights)
            found.append([h_TF, *torch.autograd.grad(h_TF.square().sum(), inputs)])
        torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)

    # One for lengths up to 8, one for those up to 16.
    assert len(buckets.made) == 2
