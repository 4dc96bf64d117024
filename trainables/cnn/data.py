"""CIFAR-10 on disk: found or downloaded, verified, and laid out once for every process to map.

N images, H height, W width, C channels (RGB). The 50,000 training images are split 45,000 /
5,000, stratified and always the same; or, as `cifar10-full`, all of them are trained on. The test
batch is never opened here.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock

from trainables.cache import cache_folder, cached, save_array
from trainables.cnn import Config, toy
from trainables.data import HeldOut, Prepared, data_folders, find
from trainables.errors import DataError
from trainables.test_split_lock import require_unlocked

__all__ = [
    "CLASSES",
    "DATASETS",
    "PADDING",
    "WITHOUT_VALIDATION",
    "Data",
    "baselines",
    "check",
    "check_test",
    "labels",
    "load",
    "load_test",
    "objective",
    "per_example",
    "prepare",
    "test_baselines",
    "test_hash",
    "test_metrics",
]

DATASETS: tuple[str, ...] = ("cifar10", "cifar10-full", "toy")
WITHOUT_VALIDATION = ("cifar10-full",)  # its validation images are some of those trained on
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
PADDING = 4  # zeros on each side of a training image, room for the random crop

FOLDER = "cifar-10-batches-py"
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
BATCH_MD5 = {  # as in torchvision.datasets.CIFAR10.train_list; a test compares, import is slow
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
TEST_MD5 = {"test_batch": "40351d587109b95175f43aff81a1287e"}
_LAYOUT = "layout 1"  # change it when what `prepare` writes changes


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Both splits, memory-mapped; the pages are shared by all processes that map them."""

    train_images: np.ndarray  # uint8 (N, H, W, C), padded: H = W = 40
    train_labels: np.ndarray  # int64 (N,)
    val_images: np.ndarray  # uint8 (N, H, W, C), H = W = 32
    val_labels: np.ndarray  # int64 (N,)

    def head(self, images: int) -> Data:
        """The same data with the first training images only."""
        return replace(
            self,
            train_images=self.train_images[:images],
            train_labels=self.train_labels[:images],
        )


def prepare(dataset: str, data_dir: Path | None) -> Prepared:
    """Find, else download; verify; lay out once. Raises DataError with one line."""
    if dataset not in DATASETS:
        raise DataError(f"dataset must be one of {', '.join(DATASETS)}, got {dataset!r}")
    if dataset == "toy":
        key = f"toy {_LAYOUT}"
        folder = cached("cnn-toy", key, lambda folder: _write(folder, *toy.images(), _split))
    else:
        source = find(FOLDER, data_dir) or _download(data_dir)
        _verify(source)
        key = f"{dataset} {_LAYOUT} {' '.join(BATCH_MD5.values())}"
        split = _no_split if dataset in WITHOUT_VALIDATION else _split
        folder = cached(
            f"cnn-{dataset}", key, lambda folder: _write(folder, *_read_batches(source), split)
        )
    return Prepared(folder=folder, hash=hashlib.sha256(key.encode()).hexdigest())


@functools.lru_cache(maxsize=4)
def load(folder: Path) -> Data:
    """Map what `prepare` wrote; nothing is copied."""
    names = ("train_images", "train_labels", "val_images", "val_labels")
    # Copy on write: torch wants writable memory, though nobody writes and every page stays shared.
    return Data(**{name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in names})


def labels(data: Data) -> np.ndarray:
    """Validation labels (N,), int64."""
    return data.val_labels


def objective(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Accuracy, the metric `val_accuracy`, of labels (N,) and probabilities (N, classes)."""
    return float((predictions.argmax(1) == labels).mean())


def per_example(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Whether each image is right, (N,); their mean is the objective."""
    right: np.ndarray = predictions.argmax(1) == labels
    return right


def test_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """What the course report tells of a model on test: accuracy, of all images and by class."""
    right_N = per_example(labels, predictions)
    by_class = {
        f"accuracy_{name}": float(right_N[labels == label].mean())
        for label, name in enumerate(CLASSES)
    }
    return {"accuracy": float(right_N.mean()), **by_class}


def baselines(data: Data) -> dict[str, np.ndarray]:
    """None: no useful prediction of an image comes without training."""
    return {}


def test_hash(dataset: str) -> str:
    """What the test split must hold, known without opening it: a ledger of readings names it."""
    return "toy test split 1" if dataset == "toy" else TEST_MD5["test_batch"]


def check_test(dataset: str, data_dir: Path | None) -> None:
    """Raises DataError where the test batch is missing. It is not opened."""
    if dataset != "toy":
        _require(find(FOLDER, data_dir) or _download(data_dir), TEST_MD5)


def load_test(dataset: str, data_dir: Path | None) -> HeldOut:
    """The test split: uint8 images (N, 32, 32, 3), int64 labels, class names.

    Raises SplitLockedError, DataError.
    """
    require_unlocked()
    if dataset == "toy":
        images_NHWC, labels_N = toy.images(noise=1)
    else:
        source = find(FOLDER, data_dir) or _download(data_dir)
        _verify(source, TEST_MD5)
        images_NHWC, labels_N = _read_batches(source, TEST_MD5)
    return HeldOut(inputs=images_NHWC, labels=labels_N, groups=np.array(CLASSES)[labels_N])


def test_baselines(data: Data, test: HeldOut) -> dict[str, np.ndarray]:
    """None, as of the validation split."""
    return {}


def check(config: Config, data: Data) -> None:
    """Raise ValueError where `config` cannot be trained on `data`."""
    images = len(data.train_labels)
    if config.train_images > images:
        raise ValueError(
            f"train_images must be at most the {images} there are, got {config.train_images}"
        )
    images = config.train_images or images
    if config.batch_size > images:
        raise ValueError(
            f"batch_size must be at most the {images} training images, got {config.batch_size}"
        )


# Source -------------------------------------------------------------------------------------


def _require(source: Path, batches: dict[str, str]) -> None:
    for name in batches:
        if not (source / name).is_file():
            raise DataError(f"{source / name} is missing: {FOLDER} must hold {', '.join(batches)}")


def _verify(source: Path, batches: dict[str, str] = BATCH_MD5) -> None:
    _require(source, batches)
    for name in batches:
        _verified(source / name, batches[name])


def _verified(path: Path, expected: str) -> bytes:
    """The file's content, which has that MD5."""
    content = path.read_bytes()
    found = hashlib.md5(content).hexdigest()
    if found != expected:
        raise DataError(
            f"{path} is cut or altered: its MD5 is {found}, must be {expected}; "
            f"replace it by the one in {ADDRESS}"
        )
    return content


def _read_batches(
    source: Path, batches: dict[str, str] = BATCH_MD5
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C) and labels (N,) of `batches`. Pickles run code: only what is verified
    is unpickled, the very bytes."""
    images, labels_N = [], []
    for name, expected in batches.items():
        batch = pickle.loads(_verified(source / name, expected), encoding="bytes")
        images.append(batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        labels_N += batch[b"labels"]
    return np.concatenate(images), np.array(labels_N)


def _download(data_dir: Path | None) -> Path:
    """The folder of batches, downloaded into the user's cache; never half of it."""
    root = cache_folder() / "data"
    locations = " or ".join(str(folder / FOLDER) for folder in data_folders(data_dir))
    where = f"put it into {locations}"
    if data_dir is not None:
        raise DataError(f"CIFAR-10 is not in {data_dir}: {where}, from {ADDRESS}")
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{FOLDER}.lock"), tempfile.TemporaryDirectory(dir=root) as partial:
        if not (root / FOLDER).is_dir():
            from torchvision.datasets.utils import download_and_extract_archive

            try:
                download_and_extract_archive(ADDRESS, partial, md5=ARCHIVE_MD5)
            except (OSError, RuntimeError) as error:
                raise DataError(
                    f"CIFAR-10 cannot be downloaded from {ADDRESS} ({error}): {where}"
                ) from error
            Path(partial, FOLDER).rename(root / FOLDER)
    return root / FOLDER


# Layout -------------------------------------------------------------------------------------

# Labels (N,) → indices of training and of validation images.
_Split = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _write(folder: Path, images_NHWC: np.ndarray, labels_N: np.ndarray, split: _Split) -> None:
    training, validation = split(labels_N)
    margin = ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0))
    save_array(folder / "train_images.npy", np.pad(images_NHWC[training], margin))
    save_array(folder / "train_labels.npy", labels_N[training].astype(np.int64))
    save_array(folder / "val_images.npy", images_NHWC[validation])
    save_array(folder / "val_labels.npy", labels_N[validation].astype(np.int64))


def _split(labels_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and validation images: a tenth of each class, fixed."""
    stream = np.random.RandomState(0)  # numpy promises never to change this older stream
    validation = []
    for label in range(len(CLASSES)):
        members = np.flatnonzero(labels_N == label)
        validation.append(stream.permutation(members)[: len(members) // 10])
    chosen = np.sort(np.concatenate(validation))
    return np.setdiff1d(np.arange(len(labels_N)), chosen), chosen


def _no_split(labels_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All are for training. The first hundred of each class are looked at, too: a score of each
    epoch is asked for, and it tells nothing of other images."""
    first = [np.flatnonzero(labels_N == label)[:100] for label in range(len(CLASSES))]
    return np.arange(len(labels_N)), np.sort(np.concatenate(first))
