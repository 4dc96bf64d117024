from __future__ import annotations

import functools
import hashlib
import pickle
import subprocess
import sys
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest
from torchvision import datasets

from trainables.cnn import Config, data
from trainables.cnn.data import Data
from trainables.errors import DataError


def test_checksums_and_classes_are_those_of_torchvision(source: Path) -> None:
    theirs = datasets.CIFAR10
    assert dict(theirs.train_list) == data.BATCH_MD5
    assert (theirs.base_folder, theirs.url) == (data.FOLDER, data.ADDRESS)
    assert theirs.tgz_md5 == data.ARCHIVE_MD5
    names = pickle.loads((source / "batches.meta").read_bytes())["label_names"]
    assert tuple(names) == data.CLASSES


def test_split_is_stratified_and_complete(cifar10: Data) -> None:
    assert np.bincount(cifar10.train_labels).tolist() == [4500] * 10
    assert np.bincount(cifar10.val_labels).tolist() == [500] * 10


def test_split_and_pixels_are_those_of_the_batches(cifar10: Data, source: Path) -> None:
    inner = cifar10.train_images[:, 4:36, 4:36]
    ours = {image.tobytes() for part in (inner, cifar10.val_images) for image in part}
    rows = [pickle.loads((source / n).read_bytes(), encoding="bytes") for n in data.BATCH_MD5]
    images = np.concatenate([row[b"data"] for row in rows]).reshape(-1, 3, 32, 32)
    assert ours == {image.transpose(1, 2, 0).tobytes() for image in images}
    assert cifar10.train_images.sum() == inner.sum(dtype=np.uint64)  # the margin is black


def test_split_never_changes(cifar10: Data) -> None:
    digest = hashlib.sha256(cifar10.val_images.tobytes() + cifar10.val_labels.tobytes())
    assert digest.hexdigest()[:16] == "0df0b734c1cf8bad"


def test_all_images_are_trained_on_where_none_is_kept_back(cifar10: Data, source: Path) -> None:
    full = data.load(data.prepare("cifar10-full", source.parent).folder)
    assert "cifar10-full" in data.WITHOUT_VALIDATION
    assert np.bincount(full.train_labels).tolist() == [5000] * 10
    assert np.bincount(full.val_labels).tolist() == [100] * 10
    inner = {image.tobytes() for image in full.train_images[:, 4:36, 4:36]}
    parts = (cifar10.train_images[:, 4:36, 4:36], cifar10.val_images, full.val_images)
    assert all(image.tobytes() in inner for part in parts for image in part)


def test_test_batch_is_not_opened(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / data.FOLDER
    folder.mkdir()
    for name in data.BATCH_MD5:
        (folder / name).symlink_to(source / name)
    assert data.prepare("cifar10", tmp_path) == data.prepare("cifar10", source.parent)


@pytest.mark.parametrize("name", ["data_batch_1", "data_batch_4"])
def test_altered_batch_is_named_and_not_unpickled(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "ran"
    folder = tmp_path / data.FOLDER
    folder.mkdir()
    for batch in data.BATCH_MD5:
        (folder / batch).write_bytes(batch.encode())
        md5 = hashlib.md5(batch.encode()).hexdigest()
        monkeypatch.setitem(data.BATCH_MD5, batch, md5)
    (folder / name).write_bytes(pickle.dumps(_Touch(trace)))
    with pytest.raises(DataError) as caught:
        data.prepare("cifar10", tmp_path)
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


class _Touch:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_missing_batch_is_named(tmp_path: Path) -> None:
    (tmp_path / data.FOLDER).mkdir()
    with pytest.raises(DataError, match="data_batch_1 is missing"):
        data.prepare("cifar10", tmp_path)


def test_given_folder_without_data_says_where_and_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}.*https://") as caught:
        data.prepare("cifar10", tmp_path)
    assert "\n" not in str(caught.value)


def test_download_without_network_says_where_and_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _nowhere(tmp_path, monkeypatch)
    monkeypatch.setattr(data, "ADDRESS", f"file://{tmp_path}/absent.tar.gz")
    with pytest.raises(DataError, match=r"cannot be downloaded from file://.*absent.*put it into"):
        data.prepare("cifar10", None)
    assert not list((tmp_path / "cache" / "data").glob("tmp*"))


def test_download_lands_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _nowhere(tmp_path, monkeypatch)
    content = tmp_path / "content"
    content.mkdir()
    rows = {b"data": np.zeros((20, 3072), np.uint8), b"labels": list(range(10)) * 2}
    for name in data.BATCH_MD5:
        (content / name).write_bytes(pickle.dumps(rows))
        md5 = hashlib.md5((content / name).read_bytes()).hexdigest()
        monkeypatch.setitem(data.BATCH_MD5, name, md5)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(content, data.FOLDER)
    monkeypatch.setattr(data, "ARCHIVE_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://localhost:{server.server_port}/{archive.name}"
        monkeypatch.setattr(data, "ADDRESS", address)
        prepared = data.prepare("cifar10", None)
        server.shutdown()
    assert len(data.load(prepared.folder).val_labels) == 10
    assert data.prepare("cifar10", None) == prepared  # and needs no network any more


def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which no data are found."""
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))


def test_unknown_dataset_gets_the_names() -> None:
    with pytest.raises(DataError, match="cifar10, cifar10-full, toy, got 'cifar'"):
        data.prepare("cifar", None)


def test_load_maps_and_opens_once(toy: Data) -> None:
    folder = data.prepare("toy", None).folder
    assert data.load(folder) is toy
    assert isinstance(toy.train_images, np.memmap)
    assert (len(toy.train_labels), len(toy.val_labels)) == (900, 100)


def test_batch_larger_than_the_data_is_refused(toy: Data) -> None:
    with pytest.raises(ValueError, match="at most the 900 training images, got 901"):
        data.check(Config(batch_size=901), toy)
    data.check(Config(batch_size=900), toy)
    with pytest.raises(ValueError, match="at most the 256 training images, got 300"):
        data.check(Config(batch_size=300, train_images=256), toy)
    with pytest.raises(ValueError, match="train_images must be at most the 900 there are"):
        data.check(Config(train_images=901), toy)


def test_accuracy_on_test_is_told_by_class_too() -> None:
    labels_N = np.array([0, *range(10)])
    probabilities_NK = np.eye(10)[[1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3]]
    scores = data.test_metrics(labels_N, probabilities_NK)
    assert scores["accuracy"] == pytest.approx(9 / 11)
    by_class = [scores[f"accuracy_{name}"] for name in data.CLASSES]
    assert by_class == [0.5, *[1.0] * 8, 0.0]


def test_objective_is_accuracy() -> None:
    predictions = np.eye(10, dtype=np.float32)[[3, 1, 4, 1]]
    assert data.objective(np.array([3, 1, 4, 5]), predictions) == 0.75


def test_driver_need_not_import_torch() -> None:
    code = (
        "import sys, trainables.cnn.data as data\n"
        "data.load(data.prepare('toy', None).folder)\n"
        "assert not {'torch', 'torchvision', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


TRIAL = """
import torch
from trainables.cnn import Config
from trainables.cnn.data import load, prepare
from trainables.cnn.train import train
torch.set_num_threads(1)
data = load(prepare("cifar10", None).folder)
data.train_images.sum()  # touches every page, as an epoch does
next(train(Config(), data.head(2000), seed=0, max_epochs=1))
print("trained", flush=True)
input()
"""


def test_two_trials_hold_the_images_once(cifar10: Data) -> None:
    command = [sys.executable, "-c", TRIAL]
    trials = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for trial in trials:
            assert trial.stdout is not None
            assert trial.stdout.readline() == "trained\n"
        private_mb = [psutil.Process(t.pid).memory_full_info().uss / 1e6 for t in trials]
    finally:
        for trial in trials:
            trial.kill()
            trial.communicate()
    print("private memory of each, MB:", private_mb)
    assert max(private_mb) <= 450
