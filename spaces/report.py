"""The tables of the course report: each row a named point, and what the report says of it.

Figures as printed there. Where it is silent, the choice is told in spaces/REPORT.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["TABLES", "Column", "Row", "Table"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A figure of each row."""

    label: str
    metric: str  # of the task's data on test, else of a run's epochs
    # convergence: the first epoch whose metric is as good as the run's best, but for half a point
    of: Literal["test", "last epoch", "convergence"] = "test"
    per_cent: bool = False  # the report prints the metric, a share, so

    @property
    def name(self) -> str:
        """Of the figure among those of a row."""
        return "convergent_epoch" if self.of == "convergence" else self.metric


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model of a table."""

    label: str  # as the report names it; of our own further rows, what they change
    point: str  # of the task's points
    reported: Mapping[str, float]  # name of a column → the report's figure; none for a remark


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is trained in the same way, and read on the same test split."""

    task: str
    title: str
    max_epochs: int
    columns: Sequence[Column]
    rows: Sequence[Row]
    dataset: str
    by_class: Sequence[Column] = ()  # further figures of each row, printed below
    note: str = ""  # what is to be known of the report's figures
    # The hyperparameter that trains on fewer examples, to try it
    fewer_examples: str = ""
    # Of a row's epoch on a core with all examples; none where that is soon over
    epoch_core_minutes: float = 0.0


def _sts(
    label: str,
    point: str,
    loss: float | None = None,
    pearson: float | None = None,
    dev: float | None = None,
) -> Row:
    known = {"mse": loss, "pearson": pearson, "dev_pearson": dev}
    return Row(
        label=label,
        point=point,
        reported={name: figure for name, figure in known.items() if figure is not None},
    )


_STS_COLUMNS = (
    Column(label="loss (0-5 scale)", metric="mse"),
    Column(label="Pearson", metric="pearson"),
    Column(label="dev Pearson", metric="dev_pearson", of="last epoch"),
)

_TRAIN = Column(label="train", metric="train_accuracy", of="last epoch", per_cent=True)
_TEST = Column(label='"valid" (test images)', metric="accuracy", per_cent=True)
_CONVERGENCE = Column(label="convergent epoch", metric="train_accuracy", of="convergence")
_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_BY_CLASS = tuple(Column(label=name, metric=f"accuracy_{name}", per_cent=True) for name in _CLASSES)
_NOTE = (
    "The report's accuracies by class have a mean of {mean}, which cannot belong to its {test} on "
    "a test set with as many images of each class: ours are not to be held against them."
)


def _cnn(
    label: str,
    point: str,
    train: float,
    test: float,
    epoch: int | None = None,
    classes: Sequence[int] = (),
) -> Row:
    known = {"train_accuracy": train, "accuracy": test}
    if epoch is not None:
        known["convergent_epoch"] = epoch
    by_class = {f"accuracy_{name}": n for name, n in zip(_CLASSES, classes, strict=False)}
    return Row(label=label, point=point, reported={**known, **by_class})


_LENET = _cnn("LeNet", "report LeNet", 74.2, 71.7, classes=(73, 93, 88, 47, 71, 50, 67, 92, 91, 95))
_RESNET = _cnn(
    "ResNet-18", "report Res18", 95.6, 88.9, classes=(99, 97, 95, 88, 90, 82, 84, 98, 96, 98)
)

TABLES: dict[str, Table] = {
    "table1": Table(
        task="cnn",
        title="Table 1: LeNet, CIFAR-10, accuracy in %",
        max_epochs=80,
        columns=(_TRAIN, _TEST),
        rows=(_LENET,),
        dataset="cifar10-full",
        by_class=_BY_CLASS,
        note=_NOTE.format(mean=76.7, test=71.7),
        fewer_examples="train_images",
    ),
    "table2": Table(
        task="cnn",
        title="Table 2: ResNet-18, CIFAR-10, accuracy in %",
        max_epochs=30,
        columns=(_TRAIN, _TEST),
        rows=(_RESNET,),
        dataset="cifar10-full",
        by_class=_BY_CLASS,
        note=_NOTE.format(mean=92.7, test=88.9),
        fewer_examples="train_images",
        epoch_core_minutes=26,
    ),
    "table3": Table(
        task="cnn",
        title="Table 3: ResNet-18 with CELU and label smoothing, CIFAR-10, accuracy in %",
        max_epochs=30,
        columns=(_TRAIN, _TEST, _CONVERGENCE),
        rows=(
            _cnn("Res18", "report Res18", 95.6, 88.9, 30),
            _cnn("Res18 + CeLU", "report Res18+CELU", 95.7, 88.5, 25),
            _cnn("Res18 + LS", "report Res18+LS", 95.4, 88.8, 27),
            _cnn("Res18 + CeLU + LS", "report Res18+CELU+LS", 95.2, 88.7, 23),
        ),
        dataset="cifar10-full",
        note="Convergent epoch: the first whose train accuracy is within half a point of the "
        "run's highest; the report does not say what its own is.",
        fewer_examples="train_images",
        epoch_core_minutes=26,
    ),
    "table4": Table(
        task="sts",
        title="Table 4: sentence similarity, STS Benchmark, test",
        # Enough for the report's schedule to matter: patience 20, then a tenth of the rate.
        max_epochs=100,
        columns=_STS_COLUMNS,
        rows=(
            _sts("LSTM, 1 layer, fixed embedding", "lstm-fixed", 3.05, 0.37),
            _sts("LSTM, 2 layers, fixed embedding", "lstm-2-fixed", 3.02, 0.38),
            _sts("biLSTM, 1 layer", "bilstm", 2.99, 0.38),
            _sts("biLSTM + LN", "bilstm-ln", 2.33, 0.48),
            _sts("biLSTM + GCN via time-step", "bilstm-gcn", 2.54, 0.46),
            _sts("biLSTM + LN + MP", "bilstm-ln-mp", 1.52, 0.57, dev=0.607),
        ),
        dataset="stsbenchmark",
    ),
    "table4-remarks": Table(
        task="sts",
        title="Remarks on Table 4: its last row, changed in one thing, STS Benchmark, test",
        max_epochs=100,
        columns=_STS_COLUMNS,
        rows=(
            _sts("LSTM in place of biLSTM", "lstm-ln-mp"),
            _sts("random word vectors in place of Word2Vec", "bilstm-ln-mp-random"),
            _sts("output x 5 in place of label / 5", "bilstm-ln-mp-x5"),
            # Four times as much an epoch as the others.
            _sts("zero padding to 55", "bilstm-ln-mp-zero"),
            _sts("crop with wrap-around to 55", "bilstm-ln-mp-wrap"),
        ),
        dataset="stsbenchmark",
    ),
}
