"""Properties of the score that hold whatever the weights are."""

import itertools

import numpy as np
import pytest
import torch

from trainables.sts import Config
from trainables.sts.batches import collate
from trainables.sts.data import Split
from trainables.sts.model import initialise, score

CPU = torch.device("cpu")
CONFIGS = [
    Config(dimension=6, hidden=5, norm=norm, pooling=pooling, bidirectional=both, layers=layers)
    for (norm, pooling), (both, layers) in itertools.product(
        [("none", "last"), ("layer", "max"), ("contrast", "mean"), ("none", "max")],
        [(True, 1), (False, 2), (True, 2)],
    )
]


def split_of(sentences: list[list[int]]) -> Split:
    """A split of these sentences, two to a pair."""
    return Split(
        tokens_T=np.array([token for sentence in sentences for token in sentence], np.int32),
        starts=np.cumsum([0, *map(len, sentences)]).astype(np.int32),
        scores_N=np.zeros(len(sentences) // 2, np.float32),
    )


def scores(config: Config, sentences: list[list[int]], pairs: list[int]) -> torch.Tensor:
    parameters = initialise(config, torch.Generator().manual_seed(1))
    parameters = {name: value.double() for name, value in parameters.items()}
    table_VD = torch.randn(20, 6, generator=torch.Generator().manual_seed(2)).double()
    table_VD[0] = torch.nan  # the padding: if it entered anywhere, it would show
    batch = collate(split_of(sentences), np.array(pairs), 1 + config.bidirectional, CPU)
    return score(config, parameters, table_VD[batch.rows_U], batch)


SENTENCES = [[1, 2, 3], [3, 2], [4], [5, 6, 7, 8, 9, 1, 1, 2], [2, 2, 9, 4], [2, 2, 9, 4]]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_other_pairs_of_a_batch_never_change_a_score(config):
    together = scores(config, SENTENCES, [0, 1, 2])
    assert torch.isfinite(together).all()
    for pair in range(3):
        torch.testing.assert_close(scores(config, SENTENCES, [pair])[0], together[pair])
    torch.testing.assert_close(scores(config, SENTENCES, [2, 0, 1]), together[[2, 0, 1]])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_score_is_symmetric_in_0_to_1_and_1_for_equal_sentences(config):
    swapped = [sentence for at in (0, 2, 4) for sentence in (SENTENCES[at + 1], SENTENCES[at])]
    forward, backward = scores(config, SENTENCES, [0, 1, 2]), scores(config, swapped, [0, 1, 2])
    torch.testing.assert_close(forward, backward)
    assert ((forward > 0) & (forward <= 1)).all()
    assert forward[2] == pytest.approx(1)
    assert (forward[:2] < 1).all()


def straightforward(config: Config, parameters, x_LD: torch.Tensor) -> torch.Tensor:
    """The encoding of one sentence, (F,), as the words of Config's fields say it."""
    for layer in range(config.layers):
        outputs = []
        for direction in range(1 + config.bidirectional):
            w_in, bias, w_h = (
                parameters[f"lstm.{layer}.{name}"][direction]
                for name in ("input", "bias", "hidden")
            )
            h = c = torch.zeros(config.hidden, dtype=torch.float64)
            states = []
            for x in x_LD.flip(0) if direction else x_LD:
                o, i, f, g = (x @ w_in + bias[0] + h @ w_h).split(config.hidden)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                states.append(h)
            outputs.append(torch.stack(states[::-1] if direction else states))
        x_LD = torch.cat(outputs, dim=1)
    if config.norm != "none":
        centred = x_LD - x_LD.mean(1, keepdim=True)
        x_LD = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    if config.pooling == "max":
        return x_LD.max(0).values
    if config.pooling == "mean":
        return x_LD.mean(0)
    forward, backward = x_LD[-1, : config.hidden], x_LD[0, config.hidden :]
    return torch.cat([forward, backward])


@pytest.mark.parametrize("similarity", ["sum", "mean"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_score_is_what_a_straightforward_loop_gives(config, similarity):
    values = {**vars(config), "similarity": similarity}
    config = Config(**values)
    parameters = {
        name: value.double()
        for name, value in initialise(config, torch.Generator().manual_seed(1)).items()
    }
    table_VD = torch.randn(20, 6, generator=torch.Generator().manual_seed(2)).double()
    encoded = [straightforward(config, parameters, table_VD[ids]) for ids in SENTENCES]
    distances = [(a - b).abs() for a, b in zip(encoded[0::2], encoded[1::2], strict=True)]
    expected = [torch.exp(-getattr(d, similarity)()) for d in distances]
    torch.testing.assert_close(scores(config, SENTENCES, [0, 1, 2]), torch.stack(expected))
