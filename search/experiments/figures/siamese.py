"""Figure 5: the Siamese biLSTM, as its forward pass on one pair tells."""

from __future__ import annotations

from typing import Any

from search.experiments.figures.canvas import ACCENT, FAINT, INK, SOFT, Drawn, blank, new_figure
from spaces.sts import POINTS

__all__ = ["siamese"]

POINT = "bilstm-ln-mp"  # the report's best row
SENTENCES = ("A man is playing a large flute .", "A man is playing a flute .")
SIDES, MIDDLE = (3.0, 11.0), 7.0  # of the board, in its units


def siamese() -> Drawn:
    """Figure 5."""
    lengths = [len(sentence.split()) for sentence in SENTENCES]
    config, parameters, shapes = _forward(lengths)
    features = shapes["encode"][1]
    weights = {
        kind: sum(p.numel() for name, p in parameters.items() if name.startswith(kind))
        for kind in ("lstm", "norm")
    }
    layers = [
        (f"word vectors ({config.vectors})", f"{config.dimension}", None),
        ("biLSTM, 1 layer", f"{shapes['lstm'][1]}", weights["lstm"]),
        ("LayerNorm of each time step", f"{shapes['_normalise'][1]}", weights["norm"]),
    ]
    figure = new_figure(9, 6.2)
    board = blank(figure, 14, 9.6)
    for side, sentence, length in zip(SIDES, SENTENCES, lengths, strict=True):
        _node(board, side, 9.2, sentence, "white")
        for number, (name, size, _) in enumerate(layers):
            y = 7.7 - 1.6 * number
            _node(board, side, y, f"{name}\n{length} tokens × {size}", FAINT)
            _arrow(board, (side, y + 1.2), (side, y + 0.45))
        _node(board, side, 2.9, f"maximum over time\n{shapes['_pool'][1]}", FAINT)
        _arrow(board, (side, 4.1), (side, 3.35))
        _arrow(board, (side, 2.45), (MIDDLE, 1.3))
    over = {"bbox": {"facecolor": "white", "edgecolor": "none"}}
    for number, (_, _, count) in enumerate(layers):
        if count is not None:
            told = f"the same weights,\n{count:,} parameters"
            y = 7.7 - 1.6 * number
            board.plot(SIDES, (y, y), ":", color=ACCENT, linewidth=1.2, zorder=0)
            board.text(MIDDLE, y, told, ha="center", va="center", fontsize=8, color=ACCENT, **over)
    _node(
        board, MIDDLE, 0.9, f"exp(-Σ|a - b|) over {features} features\none score in (0, 1]", FAINT
    )
    return Drawn(
        number=5,
        title="The Siamese biLSTM with LayerNorm and max pooling",
        caption="The report's best row of Table 4 on one pair: both sentences go through one "
        f"network, {weights['lstm'] + weights['norm']:,} parameters beside the word vectors "
        f"({config.dimension} a word, trained too), and the score falls with the L1 distance of "
        "what it makes of them. Sizes are those of the forward pass on this pair.",
        figure=figure,
    )


def _forward(lengths: list[int]) -> tuple[Any, Any, dict[str, tuple[int, ...]]]:
    """The configuration, its parameters, and by function the shape that it gives on one pair."""
    import numpy as np
    import torch

    from search.experiments.figures.layers import results_of
    from trainables.sts import Config
    from trainables.sts.batches import collate
    from trainables.sts.data import Split
    from trainables.sts.model import initialise, score

    config = Config(**POINTS[POINT])
    parameters = initialise(config, torch.Generator().manual_seed(0))
    tokens = sum(lengths)
    pair = Split(
        tokens_T=np.arange(tokens, dtype=np.int32),
        starts=np.array([0, lengths[0], tokens], dtype=np.int32),
        scores_N=np.zeros(1, dtype=np.float32),
    )
    batch = collate(pair, np.arange(1), 1 + config.bidirectional, torch.device("cpu"))
    vectors_UD = torch.zeros(tokens, config.dimension)
    found = results_of(lambda: score(config, parameters, vectors_UD, batch), "trainables.sts")
    return config, parameters, dict(found)


def _node(board: Any, x: float, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": SOFT, "linewidth": 0.8}
    board.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, bbox=box, zorder=3)


def _arrow(board: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.2}
    board.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)
