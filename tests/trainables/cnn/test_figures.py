from __future__ import annotations

import io

import matplotlib.image
import numpy as np
import pytest

from trainables.cnn import Config
from trainables.cnn.data import Data
from trainables.cnn.figures import confusion, figures
from trainables.cnn.train import train


@pytest.mark.parametrize("model", ["lenet", "resnet18"])
def test_figures_of_a_trial(model: str, few: Data) -> None:
    config = Config(model=model, batch_size=8)
    epochs = train(config, few, seed=0, max_epochs=1)
    epoch = next(epochs)
    made = figures(config, few, [epoch.metrics], epoch.predictions(), epoch.state())
    assert set(made) == {"confusion_matrix.png", "first_layer_filters.png", "loss_curves.png"}
    for content in made.values():
        picture = matplotlib.image.imread(io.BytesIO(content), format="png")
        assert picture.shape[0] >= 100
        assert picture[..., :3].std() > 0.02  # something is drawn


def test_confusion_counts_true_by_predicted() -> None:
    predictions = np.eye(10)[[1, 1, 2]]
    counts = confusion(np.array([0, 1, 1]), predictions)
    assert counts.sum() == 3
    assert (counts[0, 1], counts[1, 1], counts[1, 2]) == (1, 1, 1)
