"""Training of the Siamese LSTM: a generator of epochs.

Shapes: N pairs, U distinct words of a batch, V words, D dimensions of a word vector.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainables import Epoch, State
from trainables.metrics import mse, pearson, spearman
from trainables.seeding import derive
from trainables.sts import Config
from trainables.sts.batches import Batch, epoch_batches, sorted_batches
from trainables.sts.data import Data
from trainables.sts.model import Parameters, initialise, score
from trainables.sts.optimizers import Optimizer, Schedule, build_optimizer
from trainables.sts.padding import padded
from trainables.sts.vectors import vocabulary_vectors

__all__ = ["train"]

_TOP = 5.0  # the highest score; the model's are in (0, 1]
_SLOW = 0.1  # of the learning rate, for word vectors
_DEV_BATCH = 256  # pairs


def train(
    config: Config,
    data: Data,
    *,
    seed: int,
    max_epochs: int,
    resume_from: State | None = None,
    device: torch.device | None = None,
) -> Iterator[Epoch]:
    """Epochs with `dev_pearson`, `dev_spearman`, `dev_mse` (0-5 scale) and `train_loss` (0-1).

    `device`: None takes a GPU where there is one, else as many CPU threads as torch is set to use.
    """
    device = device or _choose_device()
    directions, tuned = 1 + config.bidirectional, config.tuning != "frozen"
    parameters, table_VD, vectors = _start(config, data, seed, device)
    trained = parameters | ({"table": table_VD} if tuned else {})
    optimizer = build_optimizer(config.optimizer, trained)
    schedule = Schedule(kind=config.schedule)
    first = 1
    if resume_from is not None:
        first = 1 + _restore(resume_from, trained, optimizer, schedule, vectors)
    dev_split = padded(data.dev, config.padding)
    dev = list(sorted_batches(dev_split, _DEV_BATCH, directions, device))
    table_rate = _SLOW if config.tuning == "slow" else 1.0
    mean = float(data.train.scores_N.mean()) / _TOP
    batches_per_epoch = -(-len(data.train) // config.batch_size)

    for number in range(first, max_epochs + 1):
        generator = np.random.default_rng(derive(seed, "order", number))
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        # All at once: a copy to a GPU waits for what was started there before, so none is made
        # between steps.
        pairs = padded(data.train, config.padding, generator)
        batches = list(epoch_batches(pairs, config.batch_size, directions, generator, device))
        for step, batch in enumerate(batches):
            vectors_UD = table_VD[batch.rows_U]
            leaves = parameters | ({"table": vectors_UD.requires_grad_()} if tuned else {})
            target_N = batch.scores_N / _TOP
            target_N += config.label_smoothing * (mean - target_N)
            outputs_N = score(config, parameters, vectors_UD, batch)
            loss = F.mse_loss(config.output_scale * outputs_N, config.output_scale * target_N)
            gradients = torch.autograd.grad(loss, list(leaves.values()))
            done = (number - 1 + step / batches_per_epoch) / max_epochs
            rate = config.learning_rate * schedule.factor_at(done)
            optimizer.steps += 1
            for name, gradient in zip(leaves, gradients, strict=True):
                if name == "table":
                    optimizer.update_rows(name, batch.rows_U, gradient, rate * table_rate)
                else:
                    optimizer.update(name, gradient, rate)
            loss_sum += loss.detach() / config.output_scale**2 * len(target_N)
        predictions_N = _predict(config, parameters, table_VD, dev, len(data.dev))
        metrics = {
            "dev_pearson": pearson(data.dev.scores_N, predictions_N),
            "dev_spearman": spearman(data.dev.scores_N, predictions_N),
            "dev_mse": mse(data.dev.scores_N, predictions_N),
            "train_loss": loss_sum.item() / len(data.train),
        }
        schedule.epoch_ended(metrics["dev_mse"])
        yield Epoch(
            number=number,
            metrics=metrics,
            state=partial(_state, number, trained, optimizer, schedule, vectors),
            predictions=predictions_N.copy,
        )


def _choose_device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # Read when a process first uses cuBLAS: without it cuDNN's LSTM does not repeat bit for bit
    # (torch.nn.LSTM's documentation), and no resumed trial would be the one that was stopped.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda")


@torch.inference_mode()
def _predict(
    config: Config, parameters: Parameters, table_VD: Tensor, batches: list[Batch], pairs: int
) -> np.ndarray:
    """Scores of all pairs of a split, (N,) float32, 0 to 5.

    Rounded to 1e-4, well above float32's noise: else that noise, which varies with the batch,
    would rank pairs of equal sentences among themselves, which moves Spearman's ρ by .002.
    """
    predictions_N = np.empty(pairs, dtype=np.float32)
    for batch in batches:
        scores_N = score(config, parameters, table_VD[batch.rows_U], batch)
        predictions_N[batch.pairs_N] = _TOP * scores_N.cpu().numpy()
    return predictions_N.round(4)


def _start(
    config: Config, data: Data, seed: int, device: torch.device
) -> tuple[Parameters, Tensor, str]:
    """Initial parameters, the table of word vectors (V, D), and its hash."""
    generator = torch.Generator().manual_seed(derive(seed, "initial weights"))
    parameters = {
        name: value.to(device).requires_grad_()
        for name, value in initialise(config, generator).items()
    }
    vectors = vocabulary_vectors(data, config.vectors, config.dimension, by_idf=config.idf)
    return parameters, torch.from_numpy(vectors.table_VD).to(device), vectors.hash


def _state(
    epoch: int, trained: Parameters, optimizer: Optimizer, schedule: Schedule, vectors: str
) -> State:
    """All that an epoch leaves behind; of the vectors it started from, only their hash."""
    return {
        "epoch": epoch,
        "vectors": vectors,
        "parameters": {name: value.detach() for name, value in trained.items()},
        "steps": optimizer.steps,
        "moments": optimizer.moments,
        "schedule": dataclasses.asdict(schedule),
    }


@torch.no_grad()
def _restore(
    state: State, trained: Parameters, optimizer: Optimizer, schedule: Schedule, vectors: str
) -> int:
    """Restore `state`; its epoch. Raises ValueError if it started from other word vectors."""
    if state["vectors"] != vectors:
        raise ValueError(
            f"the checkpoint's word vectors ({state['vectors'][:12]}…) are not those of this "
            f"data and configuration ({vectors[:12]}…)"
        )
    for name, value in state["parameters"].items():
        trained[name].copy_(value)
        for moment, saved in zip(optimizer.moments[name], state["moments"][name], strict=True):
            moment.copy_(saved)
    optimizer.steps = state["steps"]
    for name, value in state["schedule"].items():
        setattr(schedule, name, value)
    return int(state["epoch"])
