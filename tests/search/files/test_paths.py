"""Predictions as they are kept in a study's folder."""

import numpy as np
import pytest

from search.files.paths import load_predictions, save_predictions


@pytest.mark.parametrize("shape", [(7,), (7, 10), (1,), (1, 3)])
def test_predictions_come_back_as_they_were(tmp_path, shape):
    predictions = np.random.default_rng(0).random(shape, dtype=np.float32)

    save_predictions(predictions, tmp_path / "predictions" / "trial-0.arrow")

    loaded = load_predictions(tmp_path / "predictions" / "trial-0.arrow")
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, predictions)


def test_a_file_is_whole_or_not_there(tmp_path):
    save_predictions(np.ones(3, dtype=np.float32), tmp_path / "trial-0.arrow")
    save_predictions(np.zeros(3, dtype=np.float32), tmp_path / "trial-0.arrow")

    assert [path.name for path in tmp_path.iterdir()] == ["trial-0.arrow"]
    assert load_predictions(tmp_path / "trial-0.arrow").sum() == 0
