"""The Siamese encoder and its score.

Shapes: N pairs, S = 2N sentences, T their tokens, U distinct words, D dimensions of a word
vector, R directions, H hidden units in each, F = RH features, P = T packed positions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.sts import Config
from trainables.sts.batches import Batch, Layout
from trainables.sts.lstm import lstm

__all__ = ["Parameters", "encode", "initialise", "score"]

Parameters = dict[str, Tensor]
_EPSILON = 1e-5  # of the normalisations, as in torch.nn.LayerNorm


def initialise(config: Config, generator: torch.Generator) -> Parameters:
    """Parameters by name, drawn as `torch.nn.LSTM` does: uniform in ±1/√hidden."""
    directions, units = 1 + config.bidirectional, config.hidden
    features, bound = directions * units, units**-0.5

    def uniform(*shape: int) -> Tensor:
        return torch.empty(shape).uniform_(-bound, bound, generator=generator)

    parameters: Parameters = {}
    for layer in range(config.layers):
        inputs = features if layer else config.dimension
        parameters[f"lstm.{layer}.input"] = uniform(directions, inputs, 4 * units)
        parameters[f"lstm.{layer}.bias"] = uniform(directions, 1, 4 * units)
        parameters[f"lstm.{layer}.bias"][..., 2 * units : 3 * units] += config.forget_bias
        parameters[f"lstm.{layer}.hidden"] = uniform(directions, units, 4 * units)
    if config.norm == "layer":
        parameters["norm.weight"] = torch.ones(features)
        parameters["norm.bias"] = torch.zeros(features)
    if config.similarity == "mean":
        parameters["log_scale"] = torch.zeros(())
    return parameters


def score(config: Config, parameters: Parameters, vectors_UD: Tensor, batch: Batch) -> Tensor:
    """Similarity of each pair in (0, 1], (N,): exp(-L1 distance of the two encodings).

    `vectors_UD` are those of `batch.rows_U`. Mueller & Thyagarajan 2016 (MaLSTM).
    """
    encoded_SF = encode(config, parameters, vectors_UD, batch.word_T, batch.layout)
    distance_NF = (encoded_SF[batch.left_N] - encoded_SF[batch.right_N]).abs()
    if config.similarity == "sum":
        return torch.exp(-distance_NF.sum(dim=1))
    return torch.exp(-parameters["log_scale"].exp() * distance_NF.mean(dim=1))


def encode(
    config: Config, parameters: Parameters, vectors_UD: Tensor, word_T: Tensor, layout: Layout
) -> Tensor:
    """One vector for each sentence, (S, F)."""
    x: Tensor = vectors_UD
    row_T: Tensor | None = word_T
    for layer in range(config.layers):
        weights = (parameters[f"lstm.{layer}.{name}"] for name in ("input", "bias", "hidden"))
        x, row_T = lstm(x, row_T, layout, *weights), None
    return _pool(config.pooling, _normalise(config.norm, parameters, x), layout)


def _normalise(norm: str, parameters: Parameters, x_TF: Tensor) -> Tensor:
    """Each time step's features by themselves.

    layer: LayerNorm (Ba et al. 2016, arXiv:1607.06450). contrast: the report's "GCN via
    time-step", global contrast normalisation of the vector, without learned scale or shift.
    """
    if norm == "none":
        return x_TF
    weight, bias = parameters.get("norm.weight"), parameters.get("norm.bias")
    return F.layer_norm(x_TF, x_TF.shape[1:], weight, bias, _EPSILON)


def _pool(pooling: str, x_TF: Tensor, layout: Layout) -> Tensor:
    """(S, F) from each sentence's own tokens."""
    if pooling == "last":
        forward, *backward = x_TF.view(len(x_TF), layout.packed_TR.shape[1], -1).unbind(1)
        return torch.cat([forward[layout.last_S], *(b[layout.first_S] for b in backward)], dim=1)
    step = torch.arange(len(layout.sizes), device=x_TF.device)
    token_SL = layout.first_S[:, None] + torch.minimum(step, layout.length_S[:, None] - 1)
    x_SLF = F.embedding(token_SL, x_TF)
    if pooling == "max":  # a sentence that has ended repeats its last token: no other maximum
        return x_SLF.amax(dim=1)
    running_SL = step < layout.length_S[:, None]
    return (x_SLF * running_SL[..., None]).sum(dim=1) / layout.length_S[:, None]
