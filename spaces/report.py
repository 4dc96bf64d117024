"""The tables of the course report: each row a named point, and what the report says of it.

Figures as printed there. Where it is silent, the choice is told in spaces/REPORT.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["TABLES", "Row", "Table"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model of a table."""

    label: str  # as the report names it; of our own further rows, what they change
    point: str  # of the task's points
    reported: Mapping[str, float]  # metric → the report's figure; none of it for a remark


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is trained in the same way, and read on the same test split."""

    task: str
    title: str
    # Enough for the report's schedule to matter: patience 20, then a tenth of the rate.
    max_epochs: int
    metrics: Mapping[str, str]  # metric of the task's data on test → column
    rows: Sequence[Row]


def _sts(label: str, point: str, loss: float | None = None, pearson: float | None = None) -> Row:
    known = {} if loss is None or pearson is None else {"mse": loss, "pearson": pearson}
    return Row(label=label, point=point, reported=known)


TABLES: dict[str, Table] = {
    "table4": Table(
        task="sts",
        title="Table 4: sentence similarity, STS Benchmark, test",
        max_epochs=100,
        metrics={"mse": "loss (0-5 scale)", "pearson": "Pearson"},
        rows=(
            _sts("LSTM, 1 layer, fixed embedding", "lstm-fixed", 3.05, 0.37),
            _sts("LSTM, 2 layers, fixed embedding", "lstm-2-fixed", 3.02, 0.38),
            _sts("biLSTM, 1 layer", "bilstm", 2.99, 0.38),
            _sts("biLSTM + LN", "bilstm-ln", 2.33, 0.48),
            _sts("biLSTM + GCN via time-step", "bilstm-gcn", 2.54, 0.46),
            _sts("biLSTM + LN + MP", "bilstm-ln-mp", 1.52, 0.57),
            _sts("remark: LSTM + LN + MP", "lstm-ln-mp"),
            _sts("remark: + random word vectors", "bilstm-ln-mp-random"),
            _sts("remark: + output x 5 in place of label / 5", "bilstm-ln-mp-x5"),
            _sts("remark: + zero padding to 55", "bilstm-ln-mp-zero"),
            _sts("remark: + crop with wrap-around to 55", "bilstm-ln-mp-wrap"),
        ),
    ),
}
