from __future__ import annotations

import pytest

from trainables.cnn import Config


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label_smoothing", 1.0, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ("label_smoothing", -0.1, r"in \[0, 1\)"),
        ("label_smoothing", float("nan"), r"in \[0, 1\)"),
        ("model", "lenet5", "model must be one of lenet, resnet18, got 'lenet5'"),
        ("activation", "gelu", "relu, celu"),
        ("augmentation", "crop", "crop_flip, flip, none"),
        ("schedule", "step", "constant, cosine, one_cycle"),
        ("averaging", "swa", "none, ema"),
        ("celu_alpha", 0.0, "above 0"),
        ("learning_rate", 0.0, "above 0"),
        ("momentum", 1.0, r"in \[0, 1\)"),
        ("momentum", 0.0, "nesterov"),
        ("weight_decay", -1e-4, "at least 0"),
        ("batch_size", 0, "at least 1"),
        ("warmup", 1.0, r"in \(0, 1\)"),
        ("ema_epochs", 0.0, "above 0"),
        ("train_images", -1, "at least 0"),
    ],
)
def test_config_names_the_value_the_rule_and_the_choices(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**{name: value})  # type: ignore[arg-type]


def test_config_takes_the_ends_of_ranges() -> None:
    Config(label_smoothing=0.0, weight_decay=0.0, momentum=0.0, nesterov=False)
