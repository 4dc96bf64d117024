"""CIFAR-10 image classification with LeNet-5 or ResNet-18: the configuration of one trial."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from trainables.checks import check_types

__all__ = ["ACTIVATIONS", "AUGMENTATIONS", "AVERAGINGS", "MODELS", "SCHEDULES", "Config"]

MODELS = ("lenet", "resnet18")
ACTIVATIONS = ("relu", "celu")
AUGMENTATIONS = ("crop_flip", "flip", "none")
SCHEDULES = ("constant", "cosine", "one_cycle")
AVERAGINGS = ("none", "ema")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters of one training; the defaults are a known-good LeNet-5."""

    # One of MODELS, both in their CIFAR form
    model: str = "lenet"
    activation: str = "celu"
    # α of celu(x) = max(0, x) + min(0, α·(exp(x/α) - 1)), Barron 2017 (arXiv:1704.07483)
    celu_alpha: float = 1.0
    # ε of q' = (1 - ε)·δ + ε·u, u uniform over the classes, Szegedy et al. 2016 (1512.00567)
    label_smoothing: float = 0.0
    # The highest that the schedule reaches
    learning_rate: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    # L2, on every parameter
    weight_decay: float = 3e-3
    # Images a step; an epoch leaves out the rest that fills no batch, another one each time
    batch_size: int = 128
    # crop: 32×32 out of the image padded by 4; flip: left to right with p = .5
    augmentation: str = "flip"
    # cosine: down to 0; one_cycle: linear up for the share `warmup`, then linear down to 0
    schedule: str = "one_cycle"
    # Share of all steps until max_epochs, of one_cycle only
    warmup: float = 0.2
    # ema: the validation scores are those of an exponential moving average of the weights
    averaging: str = "ema"
    # Time constant of that average in epochs: the age at which a weight counts 1/e
    ema_epochs: float = 1.0
    # Trains on the first so many images only, to try it; 0: on all
    train_images: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        _check_choice("model", self.model, MODELS)
        _check_choice("activation", self.activation, ACTIVATIONS)
        _check_choice("augmentation", self.augmentation, AUGMENTATIONS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("averaging", self.averaging, AVERAGINGS)
        _check("celu_alpha", self.celu_alpha, self.celu_alpha > 0, "above 0")
        _check("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _check("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")
        _check(
            "nesterov", self.nesterov, not self.nesterov or self.momentum > 0, "off at momentum 0"
        )
        _check("weight_decay", self.weight_decay, self.weight_decay >= 0, "at least 0")
        _check("batch_size", self.batch_size, self.batch_size >= 1, "at least 1")
        _check("warmup", self.warmup, 0 < self.warmup < 1, "in (0, 1)")
        _check("ema_epochs", self.ema_epochs, self.ema_epochs > 0, "above 0")
        _check("train_images", self.train_images, self.train_images >= 0, "at least 0")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float):
                _check(field.name, value, math.isfinite(value), "finite")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _check(name: str, value: float, holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {rule}, got {value}")
