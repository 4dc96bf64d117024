"""Batches without padding: which rows a batch needs, and where each token goes at each step.

Both sentences of every pair are encoded in one call, longest first, so that at time step t only
the sentences that are still running, the first `sizes[t]`, are computed. The backward direction
reads each sentence from its own last token. There is no padding that could leak anywhere.

Shapes: N pairs, S = 2N sentences, T tokens of all sentences, U distinct words,
P = T positions in time-major (packed) order, R directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from trainables.sts.data import Split

__all__ = ["Batch", "Layout", "collate", "epoch_batches", "layout", "sorted_batches"]

_POOL = 16  # batches that are sorted by length together; more: less mixed, little faster


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How T tokens, sentence after sentence, map to the packed order and back."""

    sizes: list[int]  # sentences still running at each time step
    token_RP: Tensor  # int64, the token (0..T) that direction r reads at packed position p
    packed_TR: Tensor  # int64, the packed position of token t in direction r
    previous: Tensor  # int64, (P - S,): for each position after the first step, the one before
    first_S: Tensor  # int64, each sentence's first token
    last_S: Tensor  # int64, each sentence's last token
    length_S: Tensor  # int64


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    pairs_N: np.ndarray  # their numbers in the split
    rows_U: Tensor  # int64, the distinct words
    word_T: Tensor  # int64, which of them each token is
    layout: Layout
    left_N: Tensor  # int64, sentence of each pair's first half
    right_N: Tensor
    scores_N: Tensor  # float32, 0 to 5


def epoch_batches(
    split: Split,
    size: int,
    directions: int,
    generator: np.random.Generator,
    device: torch.device,
) -> Iterator[Batch]:
    """A pass over `split` in random order, batches of pairs of like length."""
    order = generator.permutation(len(split))
    length = _pair_lengths(split)
    pools = [order[at : at + _POOL * size] for at in range(0, len(order), _POOL * size)]
    chunks = [
        pool[at : at + size]
        for pool in (pool[np.argsort(length[pool], kind="stable")] for pool in pools)
        for at in range(0, len(pool), size)
    ]
    for number in generator.permutation(len(chunks)):
        yield collate(split, chunks[number], directions, device)


def sorted_batches(
    split: Split, size: int, directions: int, device: torch.device
) -> Iterator[Batch]:
    """All of `split`, for evaluation: sorted by length, since order does not matter."""
    order = np.argsort(_pair_lengths(split), kind="stable")
    for at in range(0, len(order), size):
        yield collate(split, order[at : at + size], directions, device)


def collate(split: Split, pairs_N: np.ndarray, directions: int, device: torch.device) -> Batch:
    """The batch of these pairs."""
    sentence_S = np.concatenate([2 * pairs_N, 2 * pairs_N + 1])
    start_S = split.starts[sentence_S].astype(np.int64)
    length_S = split.starts[sentence_S + 1] - start_S
    longest_first = np.argsort(-length_S, kind="stable")
    start_S, length_S = start_S[longest_first], length_S[longest_first]
    position_S = np.argsort(longest_first)
    token_T = np.arange(length_S.sum()) + np.repeat(start_S - _starts(length_S), length_S)
    rows_U, word_T = np.unique(split.tokens_T[token_T], return_inverse=True)
    tensor = partial(_tensor, device=device)
    return Batch(
        pairs_N=pairs_N,
        rows_U=tensor(rows_U.astype(np.int64)),
        word_T=tensor(word_T),
        layout=layout(length_S, directions, device),
        left_N=tensor(position_S[: len(pairs_N)]),
        right_N=tensor(position_S[len(pairs_N) :]),
        scores_N=tensor(split.scores_N[pairs_N]),
    )


def layout(length_S: np.ndarray, directions: int, device: torch.device) -> Layout:
    """For sentences of `length_S` ≥ 1 tokens, longest first."""
    tokens, first_S = int(length_S.sum()), _starts(length_S)
    sentence_T = np.repeat(np.arange(len(length_S)), length_S)
    step_T = np.arange(tokens) - first_S[sentence_T]
    ended = np.searchsorted(length_S[::-1], np.arange(length_S[0]), "right")
    sizes = len(length_S) - ended
    start_of_step = _starts(sizes)
    packed = [start_of_step[step_T] + sentence_T]
    if directions == 2:
        packed.append(start_of_step[length_S[sentence_T] - 1 - step_T] + sentence_T)
    packed_RT = np.stack(packed)
    later = np.arange(len(length_S), tokens)
    step_before = np.repeat(np.arange(len(sizes)), sizes)[later] - 1
    tensor = partial(_tensor, device=device)
    return Layout(
        sizes=sizes.tolist(),
        token_RP=tensor(np.argsort(packed_RT, axis=1)),
        packed_TR=tensor(np.ascontiguousarray(packed_RT.T)),
        previous=tensor(later - sizes[step_before]),
        first_S=tensor(first_S),
        last_S=tensor(first_S + length_S - 1),
        length_S=tensor(length_S),
    )


def _starts(counts: np.ndarray) -> np.ndarray:
    starts: np.ndarray = np.cumsum(counts) - counts
    return starts


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)


def _pair_lengths(split: Split) -> np.ndarray:
    length_S = np.diff(split.starts)
    longer_N: np.ndarray = np.maximum(length_S[0::2], length_S[1::2])
    return longer_N
