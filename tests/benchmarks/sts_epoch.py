"""How fast is an epoch of the STS job, against two plain ways to write it?

    python -m tests.benchmarks.sts_epoch

Hidden 64, 100 dimensions, batch 64, trainable vectors; one epoch is the training split and an
evaluation of the dev split, on one thread. Ratios are medians of interleaved runs, so that a
noisy machine hits all alike. `padded` is the report's loop: every sentence padded to 55 tokens,
a dense optimiser. `packed` is torch's `pack_padded_sequence`, padded to the longest of a batch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from trainables.sts import Config, data, lstm, optimizers, train
from trainables.sts.data import Data, Split
from trainables.sts.vectors import vocabulary_vectors

RUNS = 5
CONFIG = Config(
    dimension=100, hidden=64, batch_size=64, tuning="trainable", optimizer="rmsprop",
    similarity="sum", schedule="plateau", learning_rate=1e-3,
)  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    dataset = data.load(data.prepare("stsbenchmark", None).folder)
    ours = train.train(CONFIG, dataset, seed=0, max_epochs=RUNS + 2)
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: next(ours),
        "packed": plain_epochs(dataset, None).__next__,
        "padded": plain_epochs(dataset, 55).__next__,
    }
    for epoch in ways.values():
        epoch()  # warm up
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, epoch in ways.items():
            start = time.process_time()
            epoch()
            seconds[name].append(time.process_time() - start)
    print(f"CPU seconds of one epoch, median of {RUNS} interleaved (lowest-highest), and ratio:")
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, seconds["ours"], strict=True))
        print(
            f"  {name:7}{statistics.median(times):6.2f}  ({min(times):.2f}-{max(times):.2f})"
            f"{ratio:7.2f}x"
        )
    with parts() as spent:
        start = time.process_time()
        next(ours)
        whole = time.process_time() - start
    spent["the rest: projection, norm, pooling, score, autograd"] = whole - sum(spent.values())
    print("parts of our epoch:")
    for name, part in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {part / whole:5.1%}  {name}")


def plain_epochs(dataset: Data, padded_to: int | None) -> Iterator[float]:
    """The same model and task, written as one would with torch's own parts."""
    torch.manual_seed(0)
    table_VD = vocabulary_vectors(dataset, CONFIG.vectors, CONFIG.dimension, by_idf=True).table_VD
    model = Plain(torch.tensor(table_VD), packed=padded_to is None)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=CONFIG.learning_rate)
    while True:
        for left, right, scores_N in plain_batches(dataset.train, padded_to, shuffled=True):
            optimizer.zero_grad()
            F.mse_loss(model(left, right), scores_N / 5).backward()
            optimizer.step()
        with torch.inference_mode():
            for left, right, _ in plain_batches(dataset.dev, padded_to, shuffled=False):
                model(left, right)
        yield 0.0


class Plain(nn.Module):
    def __init__(self, table_VD: Tensor, packed: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(table_VD, freeze=False, padding_idx=0)
        self.lstm = nn.LSTM(CONFIG.dimension, CONFIG.hidden, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(2 * CONFIG.hidden)
        self.packed = packed

    def encode(self, ids_NL: Tensor) -> Tensor:
        x_NLD, length_N = self.embedding(ids_NL), (ids_NL != 0).sum(1)
        if not self.packed:
            return self.norm(self.lstm(x_NLD)[0]).amax(1)
        packed = pack_padded_sequence(x_NLD, length_N, batch_first=True, enforce_sorted=False)
        x_NLF = self.norm(pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0])
        beyond_NL = torch.arange(x_NLF.shape[1]) >= length_N[:, None]
        return x_NLF.masked_fill(beyond_NL[..., None], -torch.inf).amax(1)

    def forward(self, left_NL: Tensor, right_NL: Tensor) -> Tensor:
        return torch.exp(-(self.encode(left_NL) - self.encode(right_NL)).abs().sum(1))


def plain_batches(
    split: Split, padded_to: int | None, *, shuffled: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    sentences = np.split(split.tokens_T, split.starts[1:-1])
    order = np.random.default_rng(0).permutation(len(split)) if shuffled else range(len(split))
    for at in range(0, len(split), CONFIG.batch_size):
        pairs = list(order[at : at + CONFIG.batch_size])
        sides = []
        for side in (0, 1):
            chosen = [sentences[2 * pair + side] for pair in pairs]
            length = padded_to or max(map(len, chosen))
            ids = [np.pad(s[:length], (0, max(0, length - len(s)))) for s in chosen]
            sides.append(torch.from_numpy(np.stack(ids).astype(np.int64)))
        yield sides[0], sides[1], torch.from_numpy(split.scores_N[pairs])


@contextmanager
def parts() -> Iterator[dict[str, float]]:
    """CPU seconds by part, of what runs inside."""
    spent: dict[str, float] = {}
    undo: list[Callable[[], None]] = []

    def clock(owner: Any, name: str, label: str) -> None:
        kept = vars(owner)[name]
        function = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[label] = spent.get(label, 0.0) + time.process_time() - start

        setattr(owner, name, staticmethod(timed) if isinstance(kept, staticmethod) else timed)
        undo.append(lambda: setattr(owner, name, kept))

    clock(lstm._Recurrence, "forward", "LSTM recurrence, forward (dev included)")
    clock(lstm._Recurrence, "backward", "LSTM recurrence, backward")
    clock(optimizers.Optimizer, "update_rows", "word vectors' optimiser")
    clock(optimizers.Optimizer, "update", "other weights' optimiser")
    batches = train.epoch_batches
    train.epoch_batches = lambda *args: iter(list(batches(*args)))  # else only made when asked for
    clock(train, "epoch_batches", "batching")
    try:
        yield spent
    finally:
        for step in reversed(undo):
            step()
        train.epoch_batches = batches


if __name__ == "__main__":
    main()
