"""The search space of CIFAR-10 classification, and the configurations to know beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

__all__ = ["POINTS", "WITHOUT_GPU", "checkpoint_mib", "first_points", "space"]

WITHOUT_GPU: dict[str, Any] = {"model": "lenet"}
"""ResNet-18 takes about 26 minutes an epoch on one CPU core, LeNet-5 five seconds."""


def space(trial: BaseTrial) -> dict[str, Any]:
    """Draw keyword arguments of `trainables.cnn.Config`: those that mean something together."""
    config: dict[str, Any] = {}

    def choose(name: str, choices: list[Any]) -> Any:
        config[name] = trial.suggest_categorical(name, choices)
        return config[name]

    def between(name: str, low: float, high: float, *, log: bool = False) -> None:
        config[name] = trial.suggest_float(name, low, high, log=log)

    choose("model", ["lenet", "resnet18"])
    # Around the report's .01 and our .05, up to where training begins to diverge.
    between("learning_rate", 3e-3, 2e-1, log=True)
    # Larger ones take too few steps in a short training (LeNet, 18 epochs: 256 loses 3 points).
    choose("batch_size", [64, 128, 256])
    # The effective step is learning_rate / (1 - momentum): 5 to 20 times.
    between("momentum", 0.8, 0.95)
    choose("nesterov", [False, True])
    # Around the usual 5e-4, and up: not cropped, LeNet-5 gained from every step up to 3e-3.
    between("weight_decay", 5e-5, 1e-2, log=True)
    # The report's ε is .1; more only flattens the probabilities.
    between("label_smoothing", 0.0, 0.2)
    if choose("activation", ["relu", "celu"]) == "celu":
        # Small α is nearly ReLU, α = 1 is ELU.
        between("celu_alpha", 0.1, 2.0, log=True)
    # Cropping prevents overfitting, which a small network in a short training hardly needs.
    choose("augmentation", ["crop_flip", "flip"])
    # All reach their horizon at max_epochs; a study's rungs compare across them best by averages.
    if choose("schedule", ["constant", "cosine", "one_cycle"]) == "one_cycle":
        between("warmup", 0.05, 0.5)
    # At a rung the average tells how good a trial is, the weights of the moment how high its rate.
    if choose("averaging", ["none", "ema"]) == "ema":
        # Longer than 3 epochs the average lags behind in a study of 18.
        between("ema_epochs", 0.2, 3.0, log=True)
    return config


_REPORT = {
    "learning_rate": 0.01,
    "batch_size": 128,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 5e-4,
    "label_smoothing": 0.0,
    "activation": "relu",
    "augmentation": "crop_flip",
    "schedule": "constant",
    "averaging": "none",
}
_CELU = {"activation": "celu", "celu_alpha": 1.0}
_LS = {"label_smoothing": 0.1}

POINTS: dict[str, dict[str, Any]] = {
    "report LeNet": {"model": "lenet", **_REPORT},
    "report Res18": {"model": "resnet18", **_REPORT},
    "report Res18+CELU": {"model": "resnet18", **_REPORT, **_CELU},
    "report Res18+LS": {"model": "resnet18", **_REPORT, **_LS},
    "report Res18+CELU+LS": {"model": "resnet18", **_REPORT, **_CELU, **_LS},
    "lenet": {
        "model": "lenet",
        "learning_rate": 0.05,
        "batch_size": 128,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 3e-3,
        "label_smoothing": 0.0,
        "activation": "celu",
        "celu_alpha": 1.0,
        "augmentation": "flip",
        "schedule": "one_cycle",
        "warmup": 0.2,
        "averaging": "ema",
        "ema_epochs": 1.0,
    },
    "resnet18": {
        "model": "resnet18",
        "learning_rate": 0.1,
        "batch_size": 128,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "label_smoothing": 0.1,
        "activation": "relu",
        "augmentation": "crop_flip",
        "schedule": "one_cycle",
        "warmup": 0.2,
        "averaging": "ema",
        "ema_epochs": 1.0,
    },
}


def first_points(fixed: Mapping[str, Any]) -> tuple[str, ...]:
    """The report's best row of the model that is searched, then our default for that model.

    Where the model is left open that is ResNet-18's: the one that the report is about.
    """
    if fixed.get("model") == "lenet":
        return "report LeNet", "lenet"
    return "report Res18+CELU+LS", "resnet18"


def checkpoint_mib(fixed: Mapping[str, Any]) -> float:
    """The largest checkpoint, in MiB, that can be drawn: weights, their average, momentum."""
    return {"lenet": 0.75}.get(fixed.get("model", ""), 130.0)
