"""Data for the tests of CIFAR-10: the toy images, and the real ones where they are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.cnn.data import FOLDER, Data, load, prepare
from trainables.data import find


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache of prepared data, so that what is tested is what the code writes now."""
    folder = tmp_path_factory.mktemp("cache")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE_DIR", str(folder))
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def toy(cache: Path) -> Data:
    return load(prepare("toy", None).folder)


@pytest.fixture(scope="session")
def few(toy: Data) -> Data:
    """So few images that ResNet-18 trains on them within seconds."""
    _, one_of_each = np.unique(toy.val_labels, return_index=True)
    return replace(
        toy.head(16),
        val_images=toy.val_images[one_of_each],
        val_labels=toy.val_labels[one_of_each],
    )


@pytest.fixture(scope="session")
def source() -> Path:
    """The folder of the real batches."""
    folder = find(FOLDER)
    if folder is None:
        pytest.skip("CIFAR-10 is not on this machine")
    return folder


@pytest.fixture(scope="session")
def cifar10(cache: Path, source: Path) -> Data:
    return load(prepare("cifar10", None).folder)
