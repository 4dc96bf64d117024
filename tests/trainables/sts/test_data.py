import json

import numpy as np
import pytest

from trainables.data import find
from trainables.errors import DataError
from trainables.sts import data as sts_data
from trainables.sts.source import FOLDER

needs_data = pytest.mark.skipif(find(FOLDER) is None, reason="no STS Benchmark here")


def test_tokens_are_lower_case_words_and_marks():
    assert sts_data.tokenise("A man's 3.5-inch Café!") == [
        "a", "man", "'", "s", "3", ".", "5", "-", "inch", "café", "!",
    ]  # fmt: skip


def test_the_prepared_tokens_spell_the_sentences(toy):
    from trainables.sts.toy import pairs

    split = toy.dev
    for number, pair in enumerate(pairs("dev")):
        for sentence, text in ((2 * number, pair.first), (2 * number + 1, pair.second)):
            tokens = split.tokens_T[split.starts[sentence] : split.starts[sentence + 1]]
            assert [toy.words[token] for token in tokens] == sts_data.tokenise(text)
        assert split.scores_N[number] == np.float32(pair.score)


def test_preparing_again_changes_nothing(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path))
    first, second = sts_data.prepare("toy", None), sts_data.prepare("toy", None)
    assert first == second
    assert json.loads((first.folder / "words.json").read_text()) == list(toy.words)
    assert sts_data.load(first.folder) is sts_data.load(first.folder)


def test_an_unknown_data_set_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="one of stsbenchmark, toy; got 'sick'"):
        sts_data.prepare("sick", None)


def test_idf_is_highest_for_what_was_never_seen(toy):
    common, rare, unseen = sts_data.idf(toy, [".", "kite", "zebra"])
    assert common == pytest.approx(0, abs=1e-6)  # in every sentence
    assert common < rare < unseen == pytest.approx(np.log(1 + 2 * len(toy.train)))


@needs_data
def test_tfidf_cosine_on_the_real_dev_split():
    data = sts_data.load(sts_data.prepare("stsbenchmark", None).folder)
    predictions = sts_data.baselines(data)["tfidf_cosine"]
    assert (len(data.train), len(data.dev)) == (5749, 1500)
    assert sts_data.objective(sts_data.labels(data), predictions) == pytest.approx(0.756, abs=1e-3)


@needs_data
def test_the_test_split_is_not_opened(tmp_path):
    for split in ("train", "dev"):
        (tmp_path / FOLDER).mkdir(exist_ok=True)
        (tmp_path / FOLDER / f"sts-{split}.csv").symlink_to(find(FOLDER) / f"sts-{split}.csv")
    assert sts_data.prepare("stsbenchmark", tmp_path).folder.is_dir()


@needs_data
def test_a_file_altered_after_it_was_prepared_is_noticed(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    for split in ("train", "dev"):
        (folder / f"sts-{split}.csv").write_bytes((find(FOLDER) / f"sts-{split}.csv").read_bytes())
    sts_data.prepare("stsbenchmark", tmp_path)
    text = (folder / "sts-dev.csv").read_bytes()
    (folder / "sts-dev.csv").write_bytes(text.replace(b"woman", b"Woman", 1))
    with pytest.raises(DataError, match="not the published file"):
        sts_data.prepare("stsbenchmark", tmp_path)
