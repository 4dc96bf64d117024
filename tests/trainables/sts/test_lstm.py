"""The packed LSTM, as it runs on a core and on a GPU, against torch.nn.LSTM in double precision."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from trainables.sts.batches import layout
from trainables.sts.lstm import lstm_by_recurrence, lstm_by_torch

CPU = torch.device("cpu")
INPUTS, UNITS = 3, 4
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
WAYS = [lstm_by_recurrence, lstm_by_torch]


def in_our_layout(tensors: dict, directions: int) -> list[torch.Tensor]:
    """Input weights (R, D, G), bias (R, 1, G) and recurrent weights, gates in the order o, i, f, g,
    from an nn.LSTM's parameters, or their gradients, by name."""

    def stacked(name: str) -> torch.Tensor:
        found = [tensors[name + end].detach() for end in ("", "_reverse")[:directions]]
        gates = torch.stack(found).split(UNITS, dim=1)
        return torch.cat([gates[3], *gates[:3]], dim=1)

    return [
        stacked("weight_ih_l0").mT,
        (stacked("bias_ih_l0") + stacked("bias_hh_l0"))[:, None],
        stacked("weight_hh_l0").mT,
    ]


@pytest.mark.parametrize("lstm", WAYS)
@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.sampled_from([1, 2]), st.booleans())
def test_outputs_and_gradients_are_nn_lstms(lstm, lengths, directions, shared_rows):
    length_S = np.array(sorted(lengths, reverse=True))
    packed = layout(length_S, directions, CPU)
    tokens = int(length_S.sum())
    generator = torch.Generator().manual_seed(tokens)
    rows = 3 if shared_rows else tokens
    row_T = torch.randint(rows, (tokens,), generator=generator) if shared_rows else None
    x_XD = torch.randn(rows, INPUTS, dtype=torch.float64, generator=generator, requires_grad=True)
    module = torch.nn.LSTM(INPUTS, UNITS, bidirectional=directions == 2).double()
    parameters = dict(module.named_parameters())
    weights = [weight.requires_grad_() for weight in in_our_layout(parameters, directions)]

    ours_TF = lstm(x_XD, row_T, packed, *weights)
    sentences = (x_XD if row_T is None else x_XD[row_T]).split(length_S.tolist())
    theirs_LSF, _ = pad_packed_sequence(module(pack_sequence(list(sentences)))[0])
    theirs_TF = torch.cat([theirs_LSF[:n, s] for s, n in enumerate(length_S)])
    torch.testing.assert_close(ours_TF, theirs_TF, **CLOSE)

    pull_TF = torch.randn(ours_TF.shape, dtype=torch.float64, generator=generator)
    ours = torch.autograd.grad(ours_TF, [x_XD, *weights], pull_TF)
    theirs = torch.autograd.grad(theirs_TF, [x_XD, *parameters.values()], pull_TF)
    torch.testing.assert_close(ours[0], theirs[0], **CLOSE)
    gradients = dict(zip(parameters, theirs[1:], strict=True))
    for name in gradients:
        if name.startswith("bias_hh"):  # the same as that of the other bias; we have one
            gradients[name] = torch.zeros_like(gradients[name])
    torch.testing.assert_close(list(ours[1:]), in_our_layout(gradients, directions), **CLOSE)


@pytest.mark.parametrize("lstm", WAYS)
@pytest.mark.parametrize("directions", [1, 2])
def test_gradcheck(directions, lstm):
    packed = layout(np.array([4, 2, 2, 1]), directions, CPU)
    row_T = torch.tensor([0, 1, 2, 0, 1, 1, 2, 0, 2])
    module = torch.nn.LSTM(INPUTS, UNITS, bidirectional=directions == 2).double()
    weights = in_our_layout(dict(module.named_parameters()), directions)
    x_XD = torch.randn(3, INPUTS, dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in (x_XD, *weights)]
    assert torch.autograd.gradcheck(lambda x, *w: lstm(x, row_T, packed, *w), inputs)
