"""A store for a file's tests, and a model to register in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import empty_mlflow
from trainables.sts import Config, predict
from trainables.sts import data as sts_data
from trainables.sts.train import train


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store of its own, in the working folder, as `sqlite:///mlflow.db` is."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "mlflow.db").write_bytes(empty_mlflow())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEARCH_CACHE_DIR", str(folder / "cache"))
        yield f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def model(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = sts_data.load(sts_data.prepare("toy", None).folder)
    config = Config(hidden=16, dimension=64)
    last = next(train(config, data, seed=1, max_epochs=1))
    folder = tmp_path_factory.mktemp("model")
    predict.export(config, data, last.state(), folder)
    return folder
