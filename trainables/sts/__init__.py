"""Sentence similarity on the STS Benchmark: a Siamese (bi)LSTM over word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainables.checks import check_types

__all__ = ["CHOICES", "Config"]

CHOICES: dict[str, tuple[Any, ...]] = {
    "vectors": ("word2vec", "random", "ngram", "fasttext"),
    "tuning": ("frozen", "slow", "trainable"),
    "norm": ("none", "layer", "contrast"),
    "pooling": ("last", "max", "mean"),
    "similarity": ("sum", "mean"),
    "padding": ("none", "zero", "wrap"),
    "output_scale": (1.0, 5.0),
    "optimizer": ("rmsprop", "adam"),
    "schedule": ("plateau", "linear"),
    "layers": (1, 2),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One configuration; the defaults are a known-good baseline (see spaces/sts.py)."""

    # word2vec: gensim on the training split, one vector for all words it does not know.
    # random, ngram (the word and its character 2- to 5-grams): hashed, so that every word,
    # seen or not, keeps its identity. fasttext: gensim, on the training split.
    vectors: str = "ngram"
    dimension: int = 300  # of a word vector
    idf: bool = True  # a vector's length is proportional to its word's idf, else all are alike
    tuning: str = "frozen"  # of the word vectors; slow: at a tenth of the learning rate
    bidirectional: bool = True
    layers: int = 1
    hidden: int = 64  # units in each direction
    # Added to the forget gates' initial bias; below 0 an encoder starts out looking at each word
    # rather than at all before it, which generalises better here; 0 as in torch.nn.LSTM
    forget_bias: float = -3.0
    norm: str = "layer"  # of each time step's features; contrast: no learned scale or shift
    pooling: str = "max"  # over time; last: each direction's final state
    # sum: exp(-Σ|a - b|), the report's; mean: exp(-s · mean|a - b|) with a learned scale s
    similarity: str = "mean"
    optimizer: str = "adam"
    learning_rate: float = 5e-3
    # linear: to zero at max_epochs; plateau: a tenth after 20 epochs without a lower dev MSE
    schedule: str = "linear"
    label_smoothing: float = 0.0  # ε: targets move by this share towards their mean
    batch_size: int = 64  # pairs
    # The report's: each sentence has 55 tokens, by a padding word that encoder and pooling read as
    # any other (zero), or by its own again, in training from a random one on (wrap)
    padding: str = "none"
    # The loss compares label / 5 with the output (1), or the label with 5 times that (5)
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        check_types(self)
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                listed = ", ".join(str(choice) for choice in choices)
                raise ValueError(f"{name} must be one of {listed}; got {value!r}")
        for name, low, high in (
            ("dimension", 1, 4096),
            ("hidden", 1, 4096),
            ("batch_size", 1, 4096),
            ("forget_bias", -10.0, 10.0),
            ("learning_rate", 1e-8, 10.0),
            ("label_smoothing", 0.0, 0.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}, got {value}")
