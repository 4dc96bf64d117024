"""K configurations of LeNet trained at once by one process, each as trainables/cnn/train.py alone.

A measurement, no part of the service: it tells whether one process that trains K trials is so much
faster than K processes on one card that it ought to become a part. Each lane has its own seed,
order of images, augmentation, activation, ε, learning rate, schedule, momentum, weight decay and
average; the size of a batch is one for all. Between epochs a lane may leave its place, to go on
later, here or in the loop of one, and another may take it. Lanes meet in no operation, so that one
that diverges leaves the others alone.

K lanes, S steps of an epoch, B batch, N images, C channels, H height, W width, L classes, P weights
of a LeNet.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tests.gpu.lane_layers import Activation, by_groups
from trainables import Epoch, State
from trainables.cnn import Config
from trainables.cnn import train as loop
from trainables.cnn.augment import Batches, normalise
from trainables.cnn.data import Data
from trainables.cnn.device import Device, choose
from trainables.cnn.model import build
from trainables.seeding import derive

__all__ = ["Forward", "Lanes"]

Forward = Callable[[Sequence[Tensor], Tensor, Activation], Tensor]


@dataclass(kw_only=True)
class _Lane:
    config: Config
    max_epochs: int
    epochs_done: int
    generator: torch.Generator


class Lanes:
    """`places` of them, empty at first. `graph`: on a GPU, a step is one CUDA graph."""

    def __init__(
        self,
        data: Data,
        *,
        places: int,
        batch_size: int,
        device: Device | None = None,
        forward: Forward = by_groups,
        graph: bool = False,
    ) -> None:
        self.device = device or choose()
        self.data, self.batch_size, self.forward = data, batch_size, forward
        self.lanes: list[_Lane | None] = [None] * places
        on_device = loop._on_device(data, self.device.name)
        self.images_NHWC, self.labels_N, self.val_images_NHWC = on_device
        self.steps = len(self.labels_N) // batch_size
        self.batches = _Drawn(self.images_NHWC)
        zeros = partial(torch.zeros, device=self.device.name)
        # All weights of a lane in a row: an update is a dozen kernels, whatever the layers.
        size = sum(shape.numel() for shape in _shapes().values())
        self.weights_KP = zeros(places, size).requires_grad_()
        self.average_KP, self.velocity_KP = (zeros(places, size) for _ in range(2))
        self.momentum_K1, self.decay_K1, self.smoothing_K1 = (zeros(places, 1) for _ in range(3))
        self.nesterov_K1 = zeros(places, 1, dtype=torch.bool)
        self.activation = Activation(
            alpha_K=torch.ones(places, device=self.device.name), celu_K=zeros(places)
        )
        self.loss_K, self.correct_K = zeros(places), zeros(places, dtype=torch.int64)
        # What an epoch's steps need lies at one place, so that a graph of a step finds it.
        self.step_1 = zeros(1, dtype=torch.int64)
        self.rate_SK1, self.averaging_SK1 = (zeros(self.steps, places, 1) for _ in range(2))
        shape = (self.steps, places, batch_size)
        self.image_SKB, self.top_SKB, self.left_SKB = (
            zeros(shape, dtype=torch.int64) for _ in range(3)
        )
        self.flip_SKB = zeros(shape, dtype=torch.bool)
        self.graph = graph and self.device.name == "cuda"
        self.replay: Callable[[], None] | None = None

    def put(
        self,
        place: int,
        config: Config,
        *,
        seed: int,
        max_epochs: int,
        resume_from: State | None = None,
    ) -> None:
        """Let a trial begin there, or go on after the state of an epoch, of a lane or of a loop."""
        assert (config.model, config.batch_size) == ("lenet", self.batch_size)
        generator = torch.Generator(self.device.name).manual_seed(derive(seed, "batches"))
        weights = average = _row(build(config, derive(seed, "weights")).state_dict().values())
        velocity, epochs_done = torch.zeros_like(weights), 0
        if resume_from is not None:
            weights, average = (_row(resume_from[n].values()) for n in ("model", "average"))
            velocity = _row(resume_from["optimizer"]["velocities"])
            generator.set_state(resume_from["generator"])
            epochs_done = resume_from["epoch"]
        with torch.no_grad():
            self.weights_KP[place], self.average_KP[place] = weights, average
            self.velocity_KP[place] = velocity
        self.momentum_K1[place], self.nesterov_K1[place] = config.momentum, config.nesterov
        self.decay_K1[place] = config.weight_decay
        self.smoothing_K1[place] = config.label_smoothing
        self.activation.celu_K[place] = float(config.activation == "celu")
        self.activation.alpha_K[place] = config.celu_alpha
        self.lanes[place] = _Lane(
            config=config, max_epochs=max_epochs, epochs_done=epochs_done, generator=generator
        )

    def clear(self, place: int) -> None:
        """Leave it empty: it is computed on, of nothing."""
        self.lanes[place] = None
        with torch.no_grad():
            for row in (self.weights_KP, self.average_KP, self.velocity_KP):
                row[place] = 0
        self.rate_SK1[:, place] = 0
        self.decay_K1[place] = 0

    def epoch(self) -> dict[int, Epoch]:
        """An epoch of each lane, by its place; metrics and states as those of the loop of one.

        A state is to be taken before the next epoch.
        """
        taken = {place: lane for place, lane in enumerate(self.lanes) if lane is not None}
        for place, lane in taken.items():
            self._draw(place, lane)
        for whole in (self.step_1, self.loss_K, self.correct_K):
            whole.zero_()
        if self.graph and self.replay is None:
            self.replay = self._capture()
        step = self.replay or self._step
        for _ in range(self.steps):
            step()
        probabilities_KNL = self._predict()
        loss_K, correct_K = self.loss_K.cpu() / self.steps, self.correct_K.cpu()
        found = {}
        for place, lane in taken.items():
            lane.epochs_done += 1
            metrics = {
                **loop._scores(probabilities_KNL[place], self.data.val_labels),
                "train_accuracy": correct_K[place].item() / (self.steps * self.batch_size),
                "train_loss": loss_K[place].item(),
            }
            found[place] = Epoch(
                number=lane.epochs_done,
                metrics=metrics,
                state=partial(self._state, place, lane),
                predictions=probabilities_KNL[place].copy,
            )
        return found

    def _draw(self, place: int, lane: _Lane) -> None:
        """All that an epoch of this lane draws, in the order in which its loop does, and rates."""
        config, images = lane.config, self.steps * self.batch_size
        order_N = torch.randperm(
            len(self.labels_N), generator=lane.generator, device=self.device.name
        )
        self.image_SKB[:, place] = order_N[:images].view(self.steps, -1)
        batches = Batches(self.images_NHWC, config.augmentation, lane.generator)
        drawn = zip(*(batches._draw(self.batch_size) for _ in range(self.steps)), strict=True)
        whole = (self.top_SKB, self.left_SKB, self.flip_SKB)
        for tensor_SKB, drawn_SB in zip(whole, drawn, strict=True):
            tensor_SKB[:, place] = torch.stack(drawn_SB)
        done = [lane.epochs_done * self.steps + step for step in range(self.steps)]
        rates = [loop.rate(config, n / (self.steps * lane.max_epochs)) for n in done]
        self.rate_SK1[:, place, 0] = torch.tensor(rates, device=self.device.name)
        pace = 1 - math.exp(-1 / (config.ema_epochs * self.steps))
        # A lane without an average has one that follows at once.
        averaging = [max(pace, 9 / (10 + n)) if config.averaging == "ema" else 1.0 for n in done]
        self.averaging_SK1[:, place, 0] = torch.tensor(averaging, device=self.device.name)

    def _step(self) -> None:
        def now(whole: Tensor) -> Tensor:
            return whole.index_select(0, self.step_1)[0]

        image_KB = now(self.image_SKB)
        drawn = [now(whole).flatten() for whole in (self.top_SKB, self.left_SKB, self.flip_SKB)]
        x_KBCHW = self.batches(image_KB.flatten(), drawn).unflatten(0, image_KB.shape)
        if self.device.bfloat16:
            # As a convolution does by itself; patches would be copied in float32 first.
            x_KBCHW = x_KBCHW.bfloat16()
        label_KB = self.labels_N[image_KB]
        with self.device.autocast():
            logits_KBL = self.forward(_layers(self.weights_KP), x_KBCHW, self.activation)
        log_KBL = logits_KBL.float().log_softmax(2)
        likelihood_KB = log_KBL.gather(2, label_KB[..., None])[..., 0]
        smoothing_K1 = self.smoothing_K1
        loss_KB = (smoothing_K1 - 1) * likelihood_KB - smoothing_K1 * log_KBL.mean(2)
        loss_K = loss_KB.mean(1)
        (gradient_KP,) = torch.autograd.grad(loss_K.sum(), self.weights_KP)
        self._update(gradient_KP, now(self.rate_SK1), now(self.averaging_SK1))
        self.loss_K += loss_K.detach()
        self.correct_K += (logits_KBL.argmax(2) == label_KB).sum(1)
        self.step_1 += 1

    @torch.no_grad()
    def _update(self, gradient_KP: Tensor, rate_K1: Tensor, averaging_K1: Tensor) -> None:
        """As trainables.cnn.optimizer.SGD, and the average."""
        gradient_KP = gradient_KP + self.decay_K1 * self.weights_KP
        velocity_KP = self.velocity_KP.mul_(self.momentum_K1).add_(gradient_KP)
        ahead_KP = gradient_KP + self.momentum_K1 * velocity_KP
        self.weights_KP -= rate_K1 * torch.where(self.nesterov_K1, ahead_KP, velocity_KP)
        self.average_KP.lerp_(self.weights_KP, averaging_K1)

    def _capture(self) -> Callable[[], None]:
        """A step as one CUDA graph; no weight is moved by making it."""
        moved = (
            *(self.weights_KP.detach(), self.average_KP, self.velocity_KP),
            *(self.step_1, self.loss_K, self.correct_K),
        )
        kept = [whole.clone() for whole in moved]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        for whole, before in zip(moved, kept, strict=True):
            whole.copy_(before)
        return graph.replay

    @torch.no_grad()
    def _predict(self) -> np.ndarray:
        """Class probabilities (K, N, L) by the averages, float32."""
        layers, logits = _layers(self.average_KP), []
        with self.device.autocast():
            for images_NHWC in self.val_images_NHWC.split(loop.EVALUATION_BATCH):
                x_BCHW = normalise(images_NHWC)
                x_KBCHW = x_BCHW.expand(len(self.lanes), *x_BCHW.shape)
                logits.append(self.forward(layers, x_KBCHW, self.activation))
        probabilities_KNL: np.ndarray = torch.cat(logits, 1).float().softmax(2).cpu().numpy()
        return probabilities_KNL

    def _state(self, place: int, lane: _Lane) -> State:
        def named(whole_KP: Tensor) -> dict[str, Tensor]:
            layers = _layers(whole_KP.detach()[place : place + 1])
            return {name: layer[0].clone() for name, layer in zip(_shapes(), layers, strict=True)}

        return {
            "epoch": lane.epochs_done,
            "model": named(self.weights_KP),
            "average": named(self.average_KP),
            "optimizer": {"velocities": list(named(self.velocity_KP).values())},
            "generator": lane.generator.get_state(),
        }


class _Drawn(Batches):
    """Batches of what was drawn before."""

    def __init__(self, images_NHWC: Tensor) -> None:
        super().__init__(images_NHWC, "crop_flip", torch.Generator())

    def __call__(self, images_B: Tensor, drawn: Sequence[Tensor]) -> Tensor:
        self.drawn = drawn
        return super().__call__(images_B)

    def _draw(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        top_B, left_B, flip_B = self.drawn
        return top_B, left_B, flip_B


@functools.cache
def _shapes() -> dict[str, torch.Size]:
    """Of a LeNet's layers."""
    return {name: weight.shape for name, weight in build(Config(), 0).state_dict().items()}


def _layers(whole_KP: Tensor) -> list[Tensor]:
    shapes = _shapes().values()
    parts = whole_KP.split([shape.numel() for shape in shapes], 1)
    return [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]


def _row(layers: Iterable[Tensor]) -> Tensor:
    return torch.cat([layer.detach().flatten() for layer in layers])
