"""The data of the STS job: prepared once as flat arrays, memory-mapped by every trial.

Shapes: N pairs, V words (0 is padding), T all tokens of a split.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.cache import cached, save_array
from trainables.data import HeldOut, Prepared
from trainables.metrics import mse, pearson, pearson_per_example
from trainables.sts import source, toy
from trainables.sts.source import Pair
from trainables.test_split_lock import require_unlocked

__all__ = [
    "DATASETS", "Data", "Split", "baselines", "check_test", "idf", "index", "labels", "load",
    "load_test", "objective", "per_example", "prepare", "test_baselines", "test_hash",
    "test_metrics", "tokenise",
]  # fmt: skip

DATASETS: tuple[str, ...] = ("stsbenchmark", "toy")
_FORMAT = 1  # of the prepared files; another number prepares anew
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Sentences 2i and 2i + 1 are pair i; tokens of sentence s: tokens[starts[s]:starts[s+1]]."""

    tokens_T: np.ndarray  # int32, rows of Data.words
    starts: np.ndarray  # int32, (2N + 1,)
    scores_N: np.ndarray  # float32, 0 to 5

    def __len__(self) -> int:
        return len(self.scores_N)


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Both splits that a search may see, memory-mapped."""

    folder: Path
    words: tuple[str, ...]  # of both splits; "" first, the padding
    frequency_V: np.ndarray  # int64, training sentences that hold the word; 0: never seen
    train: Split
    dev: Split


def prepare(dataset: str, data_dir: Path | None) -> Prepared:
    """Find or download `dataset`, verify it, and parse and tokenise it once.

    The test split is not read: it is locked until a candidate is promoted.
    Raises DataError (missing, damaged, malformed), ValueError (an unknown data set).
    """
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {', '.join(DATASETS)}; got {dataset!r}")
    if dataset == "toy":
        splits = {split: toy.pairs(split) for split in ("train", "dev")}
    else:
        folder = source.folder(data_dir)
        splits = {split: source.read(folder, split) for split in ("train", "dev")}
    content = hashlib.sha256(repr((_FORMAT, _TOKEN.pattern, splits)).encode()).hexdigest()
    return Prepared(folder=cached("sts", content, lambda to: _build(splits, to)), hash=content)


@functools.lru_cache(maxsize=2)
def load(folder: Path) -> Data:
    """Memory-map what `prepare` made; once a process."""
    return Data(
        folder=folder,
        words=tuple(json.loads((folder / "words.json").read_text(encoding="utf-8"))),
        frequency_V=_array(folder / "frequency.npy"),
        train=_split(folder, "train"),
        dev=_split(folder, "dev"),
    )


def tokenise(sentence: str) -> list[str]:
    """Words and punctuation marks of `sentence`, in lower case."""
    return _TOKEN.findall(sentence.lower())


def idf(data: Data, words: Iterable[str]) -> np.ndarray:
    """Inverse document frequency ln((1 + S) / (1 + s)) of each word, float32, over the S
    training sentences; a word never seen has the highest."""
    seen = dict(zip(data.words, data.frequency_V.tolist(), strict=True))
    frequency = np.array([seen.get(word, 0) for word in words], dtype=np.float32)
    weight: np.ndarray = np.log((1 + 2 * len(data.train)) / (1 + frequency))
    return weight


def labels(data: Data) -> np.ndarray:
    """The validation scores, (N,), 0 to 5."""
    return data.dev.scores_N


def objective(labels: np.ndarray, predictions: np.ndarray) -> float:
    """`dev_pearson` of (N,) predictions in any unit."""
    return pearson(labels, predictions)


def per_example(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The objective, with each pair's influence on it, (N,); their mean is the objective."""
    return pearson_per_example(labels, predictions)


def test_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """What the course report tells of a model on test: `pearson`, and `mse` on the 0-5 scale."""
    return {"pearson": pearson(labels, predictions), "mse": mse(labels, predictions)}


def baselines(data: Data) -> dict[str, np.ndarray]:
    """Validation predictions, (N,), of what needs no training."""
    return {"tfidf_cosine": _tfidf_cosine(data, data.words, data.dev)}


def test_hash(dataset: str) -> str:
    """What the test split must hold, known without opening it: a ledger of readings names it."""
    if dataset == "toy":
        return hashlib.sha256(b"toy test split 1").hexdigest()
    return source.CHECKSUMS["test"]


def check_test(dataset: str, data_dir: Path | None) -> None:
    """Raises DataError where the test split's file is missing. It is not opened."""
    if dataset != "toy":
        source.require(source.folder(data_dir), "test")


def load_test(dataset: str, data_dir: Path | None) -> HeldOut:
    """The test split: inputs {"sentence1": […], "sentence2": […]}, scores 0 to 5, genres.

    Raises SplitLockedError, DataError.
    """
    require_unlocked()
    if dataset == "toy":
        pairs = toy.pairs("test")
        genres = ["toy"] * len(pairs)
    else:
        folder = source.folder(data_dir)
        pairs, genres = source.read(folder, "test"), source.genres(folder, "test")
    return HeldOut(
        inputs={"sentence1": [p.first for p in pairs], "sentence2": [p.second for p in pairs]},
        labels=np.array([pair.score for pair in pairs], dtype=np.float32),
        groups=np.array(genres),
    )


def test_baselines(data: Data, test: HeldOut) -> dict[str, np.ndarray]:
    """Test predictions, (N,), of what needs no training."""
    sides = zip(test.inputs["sentence1"], test.inputs["sentence2"], strict=True)
    sentences = [tokenise(sentence) for pair in sides for sentence in pair]
    rows = {word: row for row, word in enumerate(data.words)}
    split, unseen = index(sentences, rows, test.labels)
    return {"tfidf_cosine": _tfidf_cosine(data, [*data.words, *unseen], split)}


def index(
    sentences: Iterable[Sequence[str]], rows: Mapping[str, int], scores_N: np.ndarray
) -> tuple[Split, list[str]]:
    """A split of tokenised sentences (2i and 2i + 1 are pair i), and the words not in `rows`:
    these have the rows after the known ones, in order."""
    unseen: dict[str, int] = {}
    tokens: list[int] = []
    ends = [0]
    for sentence in sentences:
        for word in sentence:
            row = rows.get(word)
            tokens.append(unseen.setdefault(word, len(rows) + len(unseen)) if row is None else row)
        ends.append(len(tokens))
    split = Split(
        tokens_T=np.array(tokens, dtype=np.int32),
        starts=np.array(ends, dtype=np.int32),
        scores_N=scores_N,
    )
    return split, list(unseen)


def _tfidf_cosine(data: Data, words: Sequence[str], split: Split) -> np.ndarray:
    """Cosine of (1 + ln tf) · idf vectors of words without punctuation; unseen words count."""
    from scipy import sparse

    weight_V = idf(data, words) * np.array([word.isalnum() for word in words])
    tokens_T, starts = np.array(split.tokens_T), np.array(split.starts)
    tf = sparse.csr_array(
        (np.ones(len(tokens_T)), tokens_T, starts), shape=(len(starts) - 1, len(words))
    )
    tf.sum_duplicates()
    tf.data = 1 + np.log(tf.data)
    tfidf = (tf * weight_V).tocsr()
    norms = np.sqrt((tfidf * tfidf).sum(axis=1))
    dot_N = (tfidf[0::2] * tfidf[1::2]).sum(axis=1)
    product_N = norms[0::2] * norms[1::2]
    cosine_N: np.ndarray = np.divide(
        dot_N, product_N, out=np.zeros_like(dot_N), where=product_N > 0
    )
    return cosine_N


def _build(splits: dict[str, list[Pair]], folder: Path) -> None:
    tokenised = {
        split: [tokenise(sentence) for pair in pairs for sentence in (pair.first, pair.second)]
        for split, pairs in splits.items()
    }
    frequency = Counter(word for sentence in tokenised["train"] for word in set(sentence))
    every = sorted({word for split in tokenised.values() for s in split for word in s})
    words = ["", *every]
    row = {word: number for number, word in enumerate(words)}
    (folder / "words.json").write_text(json.dumps(words), encoding="utf-8")
    save_array(folder / "frequency.npy", np.array([frequency[word] for word in words]))
    for split, sentences in tokenised.items():
        tokens = [row[word] for sentence in sentences for word in sentence]
        starts = np.cumsum([0, *map(len, sentences)])
        scores = [pair.score for pair in splits[split]]
        save_array(folder / f"{split}-tokens.npy", np.array(tokens, dtype=np.int32))
        save_array(folder / f"{split}-starts.npy", starts.astype(np.int32))
        save_array(folder / f"{split}-scores.npy", np.array(scores, dtype=np.float32))


def _split(folder: Path, name: str) -> Split:
    return Split(
        tokens_T=_array(folder / f"{name}-tokens.npy"),
        starts=_array(folder / f"{name}-starts.npy"),
        scores_N=_array(folder / f"{name}-scores.npy"),
    )


def _array(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array
