"""A trained Siamese LSTM as a folder, and its scores of any sentences.

Shapes: N pairs, V words of the vocabulary, W other words, D dimensions of a word vector.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables import State
from trainables.export import DESCRIPTION, seal, verify
from trainables.sts import Config
from trainables.sts.batches import collate
from trainables.sts.data import Data, Split, index, tokenise
from trainables.sts.model import score
from trainables.sts.padding import padded
from trainables.sts.vectors import (
    fasttext_ngrams,
    unseen_length,
    unseen_vectors,
    vocabulary_vectors,
)

__all__ = ["Similarity", "answer_from", "example", "export", "load", "typed"]

_FORMAT = 1
_TOP = 5.0  # the highest score
_MAX_PAIRS, _MAX_TOKENS = 512, 32_768  # of a batch: long sentences come in smaller ones
_COLUMNS = ("sentence1", "sentence2")


def export(config: Config, data: Data, state: State, folder: Path) -> None:
    """Write the model of a training function's `state` into `folder`."""
    tensors = dict(state["parameters"])
    if "table" not in tensors:  # frozen
        vectors = vocabulary_vectors(data, config.vectors, config.dimension, by_idf=config.idf)
        assert vectors.hash == state["vectors"]
        tensors["table"] = torch.from_numpy(vectors.table_VD)
    if config.vectors == "fasttext":
        ngrams_KD = fasttext_ngrams(data, config.dimension)
        tensors["ngrams"] = torch.from_numpy(np.array(ngrams_KD))
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "weights.safetensors")
    (folder / "words.json").write_text(json.dumps(data.words), encoding="utf-8")
    description = {
        "format": _FORMAT,
        "module": __name__,
        "config": dataclasses.asdict(config),
        "unseen_length": unseen_length(data, by_idf=config.idf),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
    seal(folder)


def load(folder: Path) -> Similarity:
    """The model that `export` wrote. Raises AlteredError, ValueError (another format)."""
    verify(folder)
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if description["format"] != _FORMAT:
        raise ValueError(f"{folder}: format {description['format']}, this code reads {_FORMAT}")
    tensors = load_file(folder / "weights.safetensors")
    ngrams = tensors.pop("ngrams", None)
    return Similarity(
        config=Config(**description["config"]),
        table_VD=tensors.pop("table"),
        parameters=tensors,
        words=json.loads((folder / "words.json").read_text(encoding="utf-8")),
        unseen_length=description["unseen_length"],
        ngrams_KD=None if ngrams is None else ngrams.numpy(),
    )


def example() -> dict[str, list[str]]:
    """Two inputs."""
    return {
        "sentence1": ["A man plays a guitar.", "A dog runs on the beach."],
        "sentence2": ["Someone is playing guitar.", "The stock market fell sharply."],
    }


def typed(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Pairs of sentences, one after the other. Raises ValueError."""
    if not arguments or len(arguments) % 2:
        raise ValueError(f"two sentences are needed, each in quotes; got {len(arguments)}")
    return {"sentence1": list(arguments[0::2]), "sentence2": list(arguments[1::2])}


def answer_from(predictions_N: np.ndarray) -> dict[str, Any]:
    """What a user gets for predictions (N,), a model's or the mean of several models'."""
    return {"score": predictions_N.astype(np.float64).round(4)}


class Similarity:
    """Scores pairs of sentences, any text: a word that training did not see has a vector too."""

    def __init__(
        self,
        *,
        config: Config,
        table_VD: Tensor,
        parameters: dict[str, Tensor],
        words: Sequence[str],
        unseen_length: float,
        ngrams_KD: np.ndarray | None,
    ) -> None:
        self._config = config
        self._table_VD = table_VD
        self._parameters = parameters
        self._rows = {word: row for row, word in enumerate(words)}
        self._unseen_length = unseen_length
        self._ngrams_KD = ngrams_KD

    def predict(self, inputs: Mapping[str, Sequence[str]]) -> np.ndarray:
        """Scores (N,) float32, 0 to 5, of inputs {"sentence1": […], "sentence2": […]}.

        A sentence without a word is one padding token. Raises ValueError (columns, not text).
        """
        first, second = (_texts(inputs, name) for name in _COLUMNS)
        # Row 0, "", is the padding.
        tokens = [
            tokenise(side) or [""] for pair in zip(first, second, strict=True) for side in pair
        ]
        split, unseen = index(tokens, self._rows, np.zeros(len(first), np.float32))
        return self._score(split, self._table_with(unseen))

    def answer(self, inputs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """{"score": (N,) 0 to 5}."""
        return answer_from(self.predict(inputs))

    def _table_with(self, unseen: list[str]) -> Tensor:
        """The table, (V + W, D), with rows for words that it lacks."""
        if not unseen:
            return self._table_VD
        vectors_WD = unseen_vectors(
            unseen,
            self._config.vectors,
            self._config.dimension,
            length=self._unseen_length,
            ngrams_KD=self._ngrams_KD,
        )
        return torch.cat([self._table_VD, torch.from_numpy(vectors_WD)])

    @torch.inference_mode()
    def _score(self, split: Split, table_VD: Tensor) -> np.ndarray:
        predictions_N = np.empty(len(split), dtype=np.float32)
        directions, cpu = 1 + self._config.bidirectional, torch.device("cpu")
        split = padded(split, self._config.padding)
        for pairs_N in _batches(split):
            batch = collate(split, pairs_N, directions, cpu)
            scores_N = score(self._config, self._parameters, table_VD[batch.rows_U], batch)
            predictions_N[pairs_N] = _TOP * scores_N.numpy()
        return predictions_N.round(4)  # as in training: float32's noise would rank equal pairs


def _batches(split: Split) -> Iterator[np.ndarray]:
    """Numbers of pairs of like length, the shortest first."""
    length_N = np.diff(split.starts).reshape(-1, 2).max(axis=1, initial=0)
    order = np.argsort(length_N, kind="stable")
    while len(order):
        size = 1
        while (
            size < min(len(order), _MAX_PAIRS)
            and 2 * (size + 1) * length_N[order[size]] <= _MAX_TOKENS
        ):
            size += 1
        yield order[:size]
        order = order[size:]


def _texts(inputs: Mapping[str, Sequence[str]], name: str) -> list[str]:
    if name not in inputs:
        raise ValueError(
            f"columns {' and '.join(_COLUMNS)} are needed, got {', '.join(map(str, inputs))}"
        )
    texts = list(inputs[name])
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{name} must be text, got {text!r} in row {row}")
    return texts
