import hashlib
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from trainables.sts import vectors
from trainables.sts.vectors import ngrams, unseen_vectors, vectors_for, vocabulary_vectors

KINDS = ("word2vec", "random", "ngram", "fasttext")


@pytest.mark.parametrize("kind", KINDS)
def test_new_words_get_the_vectors_that_a_vocabulary_would(toy, kind):
    table_VD = vocabulary_vectors(toy, kind, 20, by_idf=True).table_VD
    assert table_VD.shape == (len(toy.words), 20)
    assert not table_VD[0].any()
    some = vectors_for(["kite", "boat"], toy, kind, 20, by_idf=True)
    rows = [toy.words.index("kite"), toy.words.index("boat")]
    np.testing.assert_allclose(some, table_VD[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_words_length_is_its_idf_or_the_same_for_all(toy, kind):
    words = ["kite", "the", "zebra"]
    plain = np.linalg.norm(vectors_for(words, toy, kind, 50, by_idf=False), axis=1)
    np.testing.assert_allclose(plain, 8, rtol=1e-4)
    weighted = np.linalg.norm(vectors_for(words, toy, kind, 50, by_idf=True), axis=1)
    assert weighted[1] < weighted[0] < weighted[2]


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_hashed_vectors_know_words_apart_and_ngrams_know_like_ones(toy):
    words = ["unseen", "unseeing", "zebra"]
    random = vectors_for(words, toy, "random", 2000, by_idf=False)
    assert abs(cosine(random[0], random[1])) < 0.1
    ngram = vectors_for(words, toy, "ngram", 2000, by_idf=False)
    assert cosine(ngram[0], ngram[1]) > 0.4
    assert abs(cosine(ngram[0], ngram[2])) < 0.1


def test_word2vec_knows_one_unknown_word(toy):
    seen, a, b = vectors_for(["kite", "zebra", "gnu"], toy, "word2vec", 20, by_idf=False)
    assert (a == b).all()
    assert (seen != a).any()


def test_ngrams_are_the_marked_word_and_its_2_to_5_grams():
    assert list(ngrams("as")) == ["<as>", "<a", "as", "s>", "<as", "as>"]
    assert max(map(len, ngrams("sentence"))) == len("<sentence>")
    assert sorted(map(len, ngrams("sentence")))[-2] == 5


@pytest.mark.parametrize("at_a_time", [1, 7, 8192])
def test_a_vector_is_the_sum_of_its_ngrams_however_many_are_hashed_at_a_time(
    monkeypatch, at_a_time
):
    monkeypatch.setattr(vectors, "_NGRAMS_AT_A_TIME", at_a_time)
    words = ["banana", "", "x", "bandana"]

    sums = vectors._ngram_sums(words, 100)

    for word, found in zip(words, sums, strict=True):
        assert (found == vectors._signs(list(ngrams(word)), 100).sum(axis=0)).all()


def test_a_long_word_takes_no_more_memory_than_many_words():
    word = "".join(np.random.default_rng(0).choice(list("abcdefghij"), 20_000))
    unseen_vectors(["warm", "up"], "ngram", 600, length=1)

    tracemalloc.start()
    unseen_vectors([word], "ngram", 600, length=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 100 * 2**20


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_computes_the_same(toy, kind, tmp_path):
    here = vocabulary_vectors(toy, kind, 20, by_idf=True)
    same_kernels = {name: v for name, v in os.environ.items() if name.startswith("OPENBLAS_")}

    name, table = _elsewhere(kind, tmp_path, same_kernels)

    assert name == here.hash
    assert table == hashlib.sha256(here.table_VD.tobytes()).hexdigest()


@pytest.mark.parametrize(("kind", "another"), [("word2vec", True), ("random", False)])
def test_another_gensim_s_are_others(toy, monkeypatch, kind, another):
    here = vocabulary_vectors(toy, kind, 20, by_idf=True).hash
    monkeypatch.setattr(vectors, "version", lambda _: "3.0.0")
    assert (vocabulary_vectors(toy, kind, 20, by_idf=True).hash != here) == another


def test_another_processor_s_have_the_same_name_and_nearly_the_same_numbers(toy, tmp_path):
    """OpenBLAS computes as an older processor would: a trial goes on there all the same."""
    here = vocabulary_vectors(toy, "word2vec", 20, by_idf=True)

    name, _ = _elsewhere("word2vec", tmp_path, {"OPENBLAS_CORETYPE": "Nehalem"})

    [there] = tmp_path.glob("prepared/sts-vectors-*/table.npy")
    assert name == here.hash
    np.testing.assert_allclose(np.load(there), here.table_VD, atol=1e-2)


def _elsewhere(kind: str, cache: Path, environment: dict[str, str]) -> list[str]:
    """What the vectors are called in another process, and the SHA-256 of their numbers."""
    code = (
        "import hashlib\n"
        "from trainables.sts import data\n"
        "from trainables.sts.vectors import vocabulary_vectors\n"
        "toy = data.load(data.prepare('toy', None).folder)\n"
        f"vectors = vocabulary_vectors(toy, {kind!r}, 20, by_idf=True)\n"
        "print(vectors.hash, hashlib.sha256(vectors.table_VD.tobytes()).hexdigest())"
    )
    environment |= {"SEARCH_CACHE_DIR": str(cache), "PYTHONHASHSEED": "7", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.split()


def test_writing_to_the_table_reaches_no_one_else(toy):
    mine = vocabulary_vectors(toy, "random", 20, by_idf=True).table_VD
    mine[:] = 7
    assert not (vocabulary_vectors(toy, "random", 20, by_idf=True).table_VD == 7).any()
