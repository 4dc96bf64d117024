"""The report's figures: the networks as they are, the losses as they are on record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search.cli.main import main
from search.decisions.history import EpochEnd
from search.experiments.figures.activations import activations
from search.experiments.figures.canvas import Drawn, Undrawn
from search.experiments.figures.filters import filters
from search.experiments.figures.layers import steps_of
from search.experiments.figures.losses import losses
from search.experiments.figures.networks import lenet, residual_block, resnet
from search.experiments.figures.siamese import siamese
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.search.studies import segment, session, suggestion


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


# The networks


def test_the_drawn_parameters_are_all_of_the_network_s() -> None:
    assert _parameters(lenet()) == 62_006
    assert _parameters(resnet()) == 11_173_962
    # biLSTM: 2 directions × 4 gates × 64 × (100 + 64 + 1); LayerNorm: 2 × 128.
    assert _parameters(siamese()) == 2 * 4 * 64 * 165 + 256


def test_the_drawn_shapes_are_those_of_the_forward_pass() -> None:
    told = [t.get_text().split("\n")[0] for t in lenet().figure.axes[0].texts]
    assert [shape for shape in told if re.fullmatch(r"[\d×]+", shape)] == [
        *["3×32×32", "6×28×28", "6×14×14", "16×10×10", "16×5×5"],
        *["400", "120", "84", "10"],
    ]
    assert "64×32×32" in _texts(residual_block())
    assert "128×16×16, 8,192 parameters" in _texts(residual_block())
    assert {"8 tokens × 128", "7 tokens × 128"} <= set(_texts(siamese()))


def test_what_a_step_takes_is_known() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x).flatten(1) + x.flatten(1)

    steps = steps_of(network, torch.zeros(1, 2, 3))
    assert [step.operation for step in steps] == ["ReLU", "flatten", "flatten", "+"]
    assert [step.inputs for step in steps] == [(-1,), (0,), (-1,), (1, 2)]
    assert steps[-1].shape == (6,)


def test_relu_is_drawn_without_a_jump() -> None:
    drawn = activations()
    values, slopes = drawn.figure.axes
    ends = {"values": [], "slopes": []}
    for name, axes in (("values", values), ("slopes", slopes)):
        for line in axes.lines:
            near = [y for x, y in zip(*line.get_data(), strict=True) if 0 < abs(x) < 1e-5]
            ends[name] += [float(y) for y in near]
    assert ends["values"] == pytest.approx([0] * 4, abs=1e-5)
    # CELU from both sides, then ReLU from both.
    assert ends["slopes"] == pytest.approx([1, 1, 0, 1], abs=1e-5)
    assert "ReLU is continuous at the origin, which the report denies" in drawn.caption


# The studies


def test_losses_are_those_on_record(record: Record) -> None:
    train, dev = [0.08, 0.06, 0.05], [2.5, 2.0, 2.2]
    metrics = [{"train_loss": a, "dev_mse": b} for a, b in zip(train, dev, strict=True)]
    _study(record, "table4", "sts", ["bilstm", "bilstm", "bilstm-ln-mp-zero"], metrics)

    drawn = losses(record, 9, "Losses", "table4", "")

    assert isinstance(drawn, Drawn)
    # The remark's row is none of the report's.
    [axes] = drawn.figure.axes
    assert axes.get_title() == "biLSTM, 1 layer"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "mean squared error (0-5 scale)")
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert lines["training"] == pytest.approx([25 * loss for loss in train])
    assert lines["development"] == pytest.approx(dev)
    assert drawn.caption.startswith(
        "REDUCED: 3 epochs in place of 100, data set toy. Study report-"
    )
    assert "2 runs a row" in drawn.caption


def test_what_was_not_trained_is_not_drawn(record: Record) -> None:
    for found in (losses(record, 6, "Losses", "table1", " --seeds 1"), filters(record, "")):
        assert isinstance(found, Undrawn)
        assert (
            "no run of study report-table1 is on record; `python -m search reproduce" in found.why
        )
    assert "reproduce table1 --seeds 1" in losses(record, 6, "L", "table1", " --seeds 1").why


def test_filters_are_those_of_the_checkpoint(record: Record) -> None:
    metrics = [{"train_loss": 2.0, "val_loss": 1.9}]
    study = _study(record, "table1", "cnn", ["report LeNet"], metrics)
    weights = torch.linspace(-1, 1, 6 * 3 * 25).reshape(6, 3, 5, 5)
    record.files(study).save_checkpoint({"average": {"conv1.weight": weights}}, 0, 1)

    drawn = filters(record, "")

    assert isinstance(drawn, Drawn)
    shown = [axes.images[0].get_array() for axes in drawn.figure.axes if axes.images]
    assert len(shown) == 6
    for picture, weight in zip(shown, weights.numpy(), strict=True):
        low, high = weight.min(), weight.max()
        expected = (weight.transpose(1, 2, 0) - low) / (high - low)
        np.testing.assert_allclose(np.asarray(picture), expected, atol=1e-6)


def test_the_command_writes_what_there_is_and_tells_the_rest(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    _study(record, "table4", "sts", ["bilstm"], [{"train_loss": 0.1, "dev_mse": 2.0}])

    code = main(["reproduce", "figures", "--output", "drawn", "--seeds", "1"])

    assert code == 0
    said = capsys.readouterr().out
    assert "6 of 9 figures as PNG and SVG" in said
    assert "figure 7, Losses of ResNet-18, is not drawn" in said
    assert "`python -m search reproduce table2 --seeds 1`" in said
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    numbers = (1, 2, 3, 4, 5, 9)
    assert names == {
        "README.md", *(f"figure-{n}.{kind}" for n in numbers for kind in ("png", "svg"))
    }  # fmt: skip
    page = (tmp_path / "drawn/README.md").read_text()
    assert "![ReLU and CELU](figure-4.png)" in page
    assert "## Figure 8: First-layer filters\n\nNot drawn: no run" in page


def _texts(drawn: Drawn) -> list[str]:
    """The lines of all its texts."""
    return [
        line for axes in drawn.figure.axes for t in axes.texts for line in t.get_text().split("\n")
    ]


def _parameters(drawn: Drawn) -> int:
    told = "\n".join(t.get_text() for axes in drawn.figure.axes for t in axes.texts)
    return sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+)\s+parameters", told))


def _study(
    record: Record,
    table: str,
    task: str,
    points: list[str],
    metrics: list[dict[str, float]],
    dataset: str = "toy",
    full: int = 0,
) -> Study:
    """A study of a table; each point a run with these metrics, an epoch each. `full`: the epochs
    that it was to have, if more."""
    name, epochs = f"report-{table}", len(metrics)
    config = StudyConfig(name=name, task=task, dataset=dataset, max_epochs=full or epochs)
    study = record.create(config, {"baselines": {}})
    events: list[Any] = [session("started", len(points))]
    for number, point in enumerate(points):
        events += [suggestion(number, point), segment(number, 1, len(metrics))]
        for epoch, measured in enumerate(metrics, 1):
            end = EpochEnd(
                trial=number,
                attempt=0,
                epoch=epoch,
                metrics=measured,
                cpu_s=1.0,
                wall_s=1.0,
                reset_s=0.0,
                decision="complete" if epoch == len(metrics) else "go on",
            )
            events.append(end)
    record.append(study, *events, session("finished", len(points)))
    return study
