import itertools

import numpy as np
import pytest
import torch

from trainables.sts import Config
from trainables.sts.data import Split, tokenise
from trainables.sts.padding import LENGTH, padded
from trainables.sts.predict import export, load
from trainables.sts.train import train

PAIR = Split(
    tokens_T=np.array([7, 8, 9, *range(1, 61)], np.int32),
    starts=np.array([0, 3, 63], np.int32),
    scores_N=np.array([4.0], np.float32),
)


def sentences(split):
    return [split.tokens_T[a:b].tolist() for a, b in itertools.pairwise(split.starts)]


def test_none_is_the_split_itself():
    assert padded(PAIR, "none") is PAIR


def test_the_padding_word_follows_and_long_sentences_are_cut():
    short, long = sentences(padded(PAIR, "zero"))
    assert short == [7, 8, 9] + [0] * (LENGTH - 3)
    assert long == list(range(1, LENGTH + 1))


def test_a_sentence_is_repeated_from_its_first_word():
    short, long = sentences(padded(PAIR, "wrap"))
    assert short == ([7, 8, 9] * LENGTH)[:LENGTH]
    assert long == list(range(1, LENGTH + 1))


def test_a_sentence_is_repeated_from_a_random_word_in_training():
    generator = np.random.default_rng(0)
    seen = {tuple(sentences(padded(PAIR, "wrap", generator))[0]) for _ in range(40)}
    assert seen == {tuple(([7, 8, 9] * LENGTH)[at : at + LENGTH]) for at in range(3)}


@pytest.mark.parametrize("padding", ["zero", "wrap"])
def test_a_served_model_pads_as_its_training_did(toy, tmp_path, padding):
    config = Config(vectors="random", dimension=8, hidden=4, padding=padding, pooling="last")
    (*_, last) = train(config, toy, seed=1, max_epochs=2, device=torch.device("cpu"))
    export(config, toy, last.state(), tmp_path)
    words = [[toy.words[t] for t in sentence] for sentence in sentences(toy.dev)]
    texts = [" ".join(sentence) for sentence in words]
    assert [tokenise(text) for text in texts] == words
    served = load(tmp_path).predict({"sentence1": texts[0::2], "sentence2": texts[1::2]})
    np.testing.assert_allclose(served, last.predictions(), atol=2e-4)


def test_the_scale_of_the_loss_changes_its_gradients_alone(toy):
    def first_loss(scale):
        config = Config(vectors="random", dimension=8, hidden=4, output_scale=scale)
        epoch = next(train(config, toy, seed=1, max_epochs=1, device=torch.device("cpu")))
        return epoch.metrics["train_loss"]

    # Adam's steps hardly depend on it.
    assert first_loss(5.0) == pytest.approx(first_loss(1.0), rel=1e-3)
    assert first_loss(5.0) != first_loss(1.0)
