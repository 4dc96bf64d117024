"""Word vectors: gensim's, and hashed ones that need no training and know every word.

A hashed vector is a pure function of the word: the bits of a counter-mode hash, as ±1. `random`
hashes the word; `ngram` adds those of its character n-grams, as fastText does (Bojanowski et al.
2017, arXiv:1607.04606), so that words of like spelling are alike.

Shapes: V words (0 is padding), W any words, K n-grams, D dimensions.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trainables.cache import cached, save_array
from trainables.sts.data import Data, Split, idf

__all__ = [
    "Vectors",
    "fasttext_ngrams",
    "ngrams",
    "unseen_length",
    "unseen_vectors",
    "vectors_for",
    "vocabulary_vectors",
]

_FORMAT = 3  # of the cache; another number computes anew
_LENGTH = 8.0  # of a vector; half and double were no better on dev
_MIN_N, _MAX_N = 2, 5
_NGRAMS_AT_A_TIME = 8192  # hashed: 20 MB in 600 dimensions
_MIN_COUNT = 3  # of word2vec, the report's
_SEED = 1  # gensim's: the vectors belong to the data, not to a trial
_FASTTEXT_BUCKETS = 50_000  # gensim's 2,000,000 take 800 MB; this vocabulary has 60,000 n-grams


class Vectors(NamedTuple):
    table_VD: np.ndarray  # float32; a private copy of each page that is written to
    hash: str  # of what they depend on: a checkpoint names the vectors by it


def vocabulary_vectors(data: Data, kind: str, dimension: int, *, by_idf: bool) -> Vectors:
    """The vectors of `data.words`, memory-mapped; row 0, the padding, is zero.

    Each has the length 8; with `by_idf`, 8 times its word's idf over the vocabulary's mean idf.
    Computed once for all trials on a machine. gensim's depend on the processor in their last
    digits, which is no reason to refuse a trial that goes on on another machine: so they are named
    by what goes into them.
    """
    name = f"{_key(data, kind, dimension)} {by_idf}"

    def build(folder: Path) -> None:
        vectors_VD = vectors_for(data.words, data, kind, dimension, by_idf=by_idf)
        vectors_VD[0] = 0
        save_array(folder / "table.npy", vectors_VD)

    table_VD = np.load(cached("sts-vectors", name, build) / "table.npy", mmap_mode="c")
    return Vectors(table_VD, hashlib.sha256(name.encode()).hexdigest())


def vectors_for(
    words: Sequence[str], data: Data, kind: str, dimension: int, *, by_idf: bool
) -> np.ndarray:
    """The vectors of any `words`, (W, D) float32: of new ones, too.

    `kind`: word2vec, random, ngram or fasttext, as in Config.
    """
    if kind == "word2vec":
        vectors_WD = _word2vec(words, data, dimension)
    elif kind == "fasttext":
        vectors_WD = _fasttext(words, data, dimension)
    elif kind == "random":
        vectors_WD = _signs(words, dimension)
    else:
        vectors_WD = _ngram_sums(words, dimension)
    norms_W1 = np.linalg.norm(vectors_WD, axis=1, keepdims=True)
    vectors_WD *= _LENGTH / np.maximum(norms_W1, 1e-12)
    if by_idf:
        mean = idf(data, data.words).mean()
        vectors_WD *= (idf(data, words) / mean)[:, None]
    return vectors_WD.astype(np.float32, copy=False)


def unseen_length(data: Data, *, by_idf: bool) -> float:
    """The length of the vector of a word that no sentence of `data` holds: one for all of them."""
    if not by_idf:
        return _LENGTH
    return _LENGTH * float(idf(data, [""])[0] / idf(data, data.words).mean())


def unseen_vectors(
    words: Sequence[str],
    kind: str,
    dimension: int,
    *,
    length: float,
    ngrams_KD: np.ndarray | None = None,
) -> np.ndarray:
    """As `vectors_for`, (W, D) float32, of words that the data does not hold, and without it.

    `length`: see `unseen_length`; `ngrams_KD`: see `fasttext_ngrams`, for that kind only.
    """
    if kind == "word2vec":
        vectors_WD = np.repeat(_signs([""], dimension), len(words), axis=0)
    elif kind == "fasttext":
        assert ngrams_KD is not None
        vectors_WD = _fasttext_means(words, ngrams_KD)
    elif kind == "random":
        vectors_WD = _signs(words, dimension)
    else:
        vectors_WD = _ngram_sums(words, dimension)
    norms_W1 = np.linalg.norm(vectors_WD, axis=1, keepdims=True)
    vectors_WD *= length / np.maximum(norms_W1, 1e-12)
    return vectors_WD.astype(np.float32, copy=False)


def fasttext_ngrams(data: Data, dimension: int) -> np.ndarray:
    """gensim's vectors of hashed character n-grams, (K, D): what it makes an unknown word from."""
    found: np.ndarray = _trained("fasttext", data, dimension).vectors_ngrams
    return found


def ngrams(word: str) -> Iterator[str]:
    """`<word>` itself and its character 2- to 5-grams, the ends marked."""
    marked = f"<{word}>"
    yield marked
    for n in range(_MIN_N, min(_MAX_N + 1, len(marked))):
        for at in range(len(marked) - n + 1):
            yield marked[at : at + n]


def _ngram_sums(words: Sequence[str], dimension: int) -> np.ndarray:
    """Sums of the n-grams' hashed vectors, (W, D), as sparse products of so many at a time: a
    word can be of any length, and has four n-grams a letter. In any order the sums of ±1 are the
    same."""
    from scipy import sparse

    sums_WD = np.zeros((len(words), dimension), np.float32)
    pairs = ((row, gram) for row, word in enumerate(words) for gram in ngrams(word))
    while chunk := list(itertools.islice(pairs, _NGRAMS_AT_A_TIME)):
        first, last = chunk[0][0], chunk[-1][0]
        known: dict[str, int] = {}
        rows = [row - first for row, _ in chunk]
        columns = [known.setdefault(gram, len(known)) for _, gram in chunk]
        counts_WK = sparse.csr_array(
            (np.ones(len(chunk), np.float32), (rows, columns)), shape=(last - first + 1, len(known))
        )
        sums_WD[first : last + 1] += counts_WK @ _signs(known, dimension)
    return sums_WD


def _signs(names: Iterable[str], dimension: int) -> np.ndarray:
    """±1 from 64-bit hashes of (name, block of 64 dimensions), float32, (W, D)."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    seed_W1 = np.frombuffer(b"".join(digests), dtype="<u8")[:, None]
    blocks = np.arange(1, -(-dimension // 64) + 1, dtype=np.uint64)
    bits = np.unpackbits(_splitmix(seed_W1 + blocks * _GOLDEN).view(np.uint8), axis=1)
    return bits[:, :dimension].astype(np.float32) * 2 - 1


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _splitmix(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele et al. 2014), which wraps around on purpose."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


def _word2vec(words: Sequence[str], data: Data, dimension: int) -> np.ndarray:
    """The report's: skip-gram off, min_count 3; all words it does not know share one vector."""
    vectors = _trained("word2vec", data, dimension)
    unknown = _signs([""], dimension)[0]
    known = vectors.key_to_index
    return np.stack([vectors[word] if word in known else unknown for word in words])


def _fasttext(words: Sequence[str], data: Data, dimension: int) -> np.ndarray:
    vectors = _trained("fasttext", data, dimension)
    return np.stack([vectors[word] for word in words])


def _fasttext_means(words: Sequence[str], ngrams_KD: np.ndarray) -> np.ndarray:
    """As gensim's FastTextKeyedVectors.get_vector of a word it does not know."""
    from gensim.models.fasttext import ft_ngram_hashes

    means = np.zeros((len(words), ngrams_KD.shape[1]), np.float32)
    for mean, word in zip(means, words, strict=True):
        hashes = ft_ngram_hashes(word, _MIN_N, _MAX_N, len(ngrams_KD))
        mean[:] = ngrams_KD[hashes].mean(axis=0) if hashes else 0
    return means


@functools.lru_cache(maxsize=1)
def _trained(kind: str, data: Data, dimension: int):  # type: ignore[no-untyped-def]
    """gensim's KeyedVectors of the training split, trained once a machine; deterministic."""
    from gensim.models import FastText, KeyedVectors, Word2Vec

    def build(folder: Path) -> None:
        sentences = _sentences(data.words, data.train)
        options = {"vector_size": dimension, "min_count": _MIN_COUNT, "workers": 1, "seed": _SEED}
        if kind == "word2vec":
            model = Word2Vec(sentences, **options)
        else:
            model = FastText(
                sentences, min_n=_MIN_N, max_n=_MAX_N, bucket=_FASTTEXT_BUCKETS, **options
            )
        with (folder / "gensim").open("wb") as file:  # a path: large arrays go by numpy's writer
            model.wv.save(file)

    folder = cached("sts-gensim", _key(data, kind, dimension), build)
    return KeyedVectors.load(str(folder / "gensim"))


def _key(data: Data, kind: str, dimension: int) -> str:
    gensim = f" gensim {version('gensim')}" if kind in ("word2vec", "fasttext") else ""
    return f"{_FORMAT} {data.folder.name} {kind} {dimension}{gensim}"


def _sentences(words: Sequence[str], split: Split) -> list[list[str]]:
    ends = split.starts.tolist()
    tokens = [words[row] for row in split.tokens_T.tolist()]
    return [tokens[start:stop] for start, stop in pairwise(ends)]
