"""The training loop of an image classifier, whole.

N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables import Epoch, State
from trainables.cnn import Config
from trainables.cnn.augment import Batches, normalise
from trainables.cnn.data import CLASSES, Data, check
from trainables.cnn.device import Device, choose
from trainables.cnn.model import build
from trainables.cnn.optimizer import SGD
from trainables.seeding import derive

__all__ = ["rate", "train"]

EVALUATION_BATCH = 500  # images; no effect on the result


def train(
    config: Config,
    data: Data,
    *,
    seed: int,
    max_epochs: int,
    resume_from: State | None = None,
    device: Device | None = None,
) -> Iterator[Epoch]:
    """Train on the training split; a `TrainingFunction` whose predictions are (N, K) probabilities.

    The scores of the validation split are those of the averaged weights where `config` averages:
    half-way through a schedule they tell how good the trial is, the noisy weights of the moment
    tell how high its learning rate is. `train_accuracy` and `train_loss` (smoothing included) are
    running means over the epoch's augmented batches; `val_loss` is cross entropy unsmoothed.
    `device`: None takes what is there.
    """
    check(config, data)
    data = data.head(config.train_images) if config.train_images else data
    device = device or choose()
    generator = torch.Generator(device.name).manual_seed(derive(seed, "batches"))
    model = build(config, derive(seed, "weights")).to(device.name)
    average = copy.deepcopy(model) if config.averaging == "ema" else model
    tensors = _tensors(average), _tensors(model)
    optimizer = SGD(
        model.parameters(),
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )
    epochs_done = 0
    if resume_from is not None:
        model.load_state_dict(resume_from["model"])
        average.load_state_dict(resume_from["average"])
        optimizer.load_state_dict(resume_from["optimizer"])
        epochs_done = resume_from["epoch"]
        _restore_generator(
            generator, resume_from["generator"], derive(seed, "batches", epochs_done)
        )

    images_NHWC, labels_N, val_images_NHWC = _on_device(data, device.name)
    batches = Batches(images_NHWC, config.augmentation, generator)
    steps = len(labels_N) // config.batch_size  # an epoch; what fills no batch is left out

    for epoch in range(epochs_done + 1, max_epochs + 1):
        model.train()
        loss_sum = torch.zeros((), device=device.name)
        correct = torch.zeros((), dtype=torch.int64, device=device.name)
        order_N = torch.randperm(len(labels_N), generator=generator, device=device.name)
        for step in range(steps):
            steps_done = (epoch - 1) * steps + step
            images_B = order_N[step * config.batch_size : (step + 1) * config.batch_size]
            labels_B = labels_N[images_B]
            with device.autocast():
                logits_BK = model(batches(images_B))
                loss = functional.cross_entropy(
                    logits_BK.float(), labels_B, label_smoothing=config.label_smoothing
                )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step(rate(config, steps_done / (steps * max_epochs)))
            if average is not model:
                _update_average(*tensors, config.ema_epochs * steps, steps_done)
            loss_sum += loss.detach()
            correct += (logits_BK.argmax(1) == labels_B).sum()

        probabilities_NK = _predict(average, val_images_NHWC, device)
        yield Epoch(
            number=epoch,
            metrics={
                **_scores(probabilities_NK, data.val_labels),
                "train_accuracy": correct.item() / (steps * config.batch_size),
                "train_loss": loss_sum.item() / steps,
            },
            state=partial(_state, epoch, model, average, optimizer, generator),
            predictions=probabilities_NK.copy,
        )


def rate(config: Config, progress: float) -> float:
    """The learning rate after the share `progress` of all steps, in [0, 1)."""
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "cosine":
        return config.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    up, down = progress / config.warmup, (1 - progress) / (1 - config.warmup)
    return config.learning_rate * min(up, down)


def _state(
    epoch: int,
    model: nn.Module,
    average: nn.Module,
    optimizer: SGD,
    generator: torch.Generator,
) -> State:
    return {
        "epoch": epoch,
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
    }


def _restore_generator(generator: torch.Generator, state: Tensor, seed: int) -> None:
    """Draw on from `state`; from `seed` where another kind of device has drawn so far."""
    if len(state) == len(generator.get_state()):
        generator.set_state(state)
    else:
        generator.manual_seed(seed)


def _tensors(model: nn.Module) -> list[Tensor]:
    """Weights and the running statistics of batch normalisation; not its counters."""
    return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]


def _update_average(
    average: list[Tensor], current: list[Tensor], time_constant: float, steps_done: int
) -> None:
    """Move the average towards the current weights: an exponential mean over `time_constant` steps.

    It starts as a plain mean of what is there, so that the first weights do not linger.
    """
    weight = max(1 - math.exp(-1 / time_constant), 9 / (10 + steps_done))
    torch._foreach_lerp_(average, current, weight)


@torch.no_grad()
def _predict(model: nn.Module, images_NHWC: Tensor, device: Device) -> np.ndarray:
    """Class probabilities (N, K), float32."""
    model.eval()
    with device.autocast():
        logits = [model(normalise(images)) for images in torch.split(images_NHWC, EVALUATION_BATCH)]
    probabilities_NK: np.ndarray = torch.cat(logits).float().softmax(1).cpu().numpy()
    return probabilities_NK


def _scores(probabilities_NK: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    correct_N = probabilities_NK.argmax(1) == labels_N
    likelihood_N = probabilities_NK[np.arange(len(labels_N)), labels_N]
    scores = {
        "val_accuracy": float(correct_N.mean()),
        "val_loss": float(-np.log(likelihood_N.clip(1e-12)).mean()),
    }
    for label, name in enumerate(CLASSES):
        scores[f"val_accuracy_{name}"] = float(correct_N[labels_N == label].mean())
    return scores


@functools.lru_cache(maxsize=1)
def _on_device(data: Data, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Training images and labels, validation images, on the device `name`.

    On a CPU the mapped files themselves, not copies; on a GPU copies, 230 MB, made once for all
    trials of a process.
    """
    arrays = (data.train_images, data.train_labels, data.val_images)
    images_NHWC, labels_N, val_images_NHWC = (torch.from_numpy(a).to(name) for a in arrays)
    return images_NHWC, labels_N, val_images_NHWC
