import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.sts.batches import epoch_batches, layout, sorted_batches

CPU = torch.device("cpu")


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=9))
def test_each_direction_reads_each_sentence_in_its_order(lengths):
    lengths = sorted(lengths, reverse=True)
    packed = layout(np.array(lengths), 2, CPU)
    assert sum(packed.sizes) == sum(lengths)
    read = [[[] for _ in lengths] for _ in range(2)]
    for direction in range(2):
        position = 0
        for size in packed.sizes:
            for sentence in range(size):
                token = packed.token_RP[direction, position].item()
                read[direction][sentence].append(token)
                assert packed.packed_TR[token, direction] == position
                position += 1
    for sentence, (first, last) in enumerate(zip(packed.first_S, packed.last_S, strict=True)):
        tokens = list(range(first, last + 1))
        assert read[0][sentence] == tokens
        assert read[1][sentence] == tokens[::-1]


def test_an_epoch_holds_every_pair_once_in_its_seeds_order(toy):
    def order(seed):
        batches = epoch_batches(toy.train, 7, 2, np.random.default_rng(seed), CPU)
        return [tuple(batch.pairs_N) for batch in batches]

    assert sorted(sum(order(1), ())) == list(range(len(toy.train)))
    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_batch_holds_its_pairs_sentences(toy):
    (batch,) = sorted_batches(toy.dev, len(toy.dev), 2, CPU)
    tokens = batch.rows_U[batch.word_T].split(batch.layout.length_S.tolist())
    for position, pair in enumerate(batch.pairs_N):
        for side, sentences in enumerate((batch.left_N, batch.right_N)):
            start, stop = toy.dev.starts[2 * pair + side : 2 * pair + side + 2]
            assert (tokens[sentences[position]].numpy() == toy.dev.tokens_T[start:stop]).all()
        assert batch.scores_N[position] == toy.dev.scores_N[pair]
