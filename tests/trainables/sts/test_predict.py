"""The exported model: the trained one's scores, and an answer to whatever is asked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.errors import AlteredError
from trainables.sts import Config, predict
from trainables.sts.train import train

KINDS: Mapping[str, Mapping[str, Any]] = {
    "default": {"dimension": 64},
    "report": {
        "vectors": "word2vec", "tuning": "trainable", "dimension": 20, "similarity": "sum",
        "optimizer": "rmsprop", "schedule": "plateau",
    },
    "fasttext": {
        "vectors": "fasttext", "dimension": 20, "norm": "none", "pooling": "last",
        "bidirectional": False, "layers": 2,
    },
    "random": {"vectors": "random", "tuning": "slow", "dimension": 32, "idf": False},
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def exported(request, toy, tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A model after two epochs, and its validation predictions in training."""
    config = Config(hidden=16, **KINDS[request.param])
    *_, last = train(config, toy, seed=1, max_epochs=2)
    folder = tmp_path_factory.mktemp(request.param)
    predict.export(config, toy, last.state(), folder)
    return folder, last.predictions()


def _sentences(data: Any, split: Any) -> dict[str, list[str]]:
    words = [data.words[row] for row in split.tokens_T]
    starts = split.starts.tolist()
    texts = [" ".join(words[a:b]) for a, b in itertools.pairwise(starts)]
    return {"sentence1": texts[0::2], "sentence2": texts[1::2]}


def test_the_loaded_model_scores_as_the_trained_one_did(exported, toy):
    folder, predictions = exported

    scores = predict.load(folder).predict(_sentences(toy, toy.dev))

    np.testing.assert_allclose(scores, predictions, atol=2e-4)


def test_a_pair_s_score_does_not_depend_on_its_company(exported, toy):
    model, asked = predict.load(exported[0]), _sentences(toy, toy.dev)
    together = model.predict(asked)

    alone = [
        model.predict({name: [texts[i]] for name, texts in asked.items()})[0] for i in range(20)
    ]

    np.testing.assert_allclose(alone, together[:20], atol=2e-4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("", ""),
        ("", "A dog."),
        ("   \t\n", "?!"),
        ("xqzvw brmpf", "kjhgf"),
        ("word " * 500, "other words " * 250),
        ("日本語 ﬀ 🙂", "\x00"),
    ],
    ids=["empty", "half", "blank", "unknown", "long", "unicode"],
)
def test_any_text_has_a_score(exported, first, second):
    model = predict.load(exported[0])

    one, other = model.predict({"sentence1": [first, second], "sentence2": [second, first]})

    assert 0 <= one <= 5
    assert one == pytest.approx(other, abs=2e-4)  # the encoder is shared


def test_the_same_sentence_is_the_same(exported):
    asked = {"sentence1": ["a zqxv dog", ""], "sentence2": ["A ZQXV dog", ""]}

    assert predict.load(exported[0]).predict(asked).tolist() == [5.0, 5.0]


def test_nothing_asked_nothing_answered(exported):
    asked: dict[str, list[str]] = {"sentence1": [], "sentence2": []}

    assert predict.load(exported[0]).answer(asked)["score"].shape == (0,)


def test_other_columns_and_no_text_are_said(exported):
    model = predict.load(exported[0])

    with pytest.raises(ValueError, match="sentence1 and sentence2 are needed, got a, b"):
        model.predict({"a": ["x"], "b": ["y"]})
    with pytest.raises(ValueError, match="sentence2 must be text, got None in row 1"):
        model.predict({"sentence1": ["x", "y"], "sentence2": ["x", None]})


def test_altered_weights_are_refused(exported):
    path = exported[0] / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(AlteredError, match=r"weights\.safetensors"):
            predict.load(exported[0])
    finally:
        path.write_bytes(content)


def test_the_folder_holds_no_pickle(exported):
    assert {path.suffix for path in exported[0].iterdir()} == {".json", ".safetensors", ""}


def test_pairs_as_typed():
    assert predict.typed(["A.", "B."]) == {"sentence1": ["A."], "sentence2": ["B."]}
    with pytest.raises(ValueError, match="two sentences are needed"):
        predict.typed(["A."])
