"""Whether CUDA graphs pay: a step of LeNet's training, and the LSTM of sts a graph a bucket."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from unittest.mock import patch

import torch

from tests.gpu.buckets import Buckets
from tests.gpu.lane_layers import one_by_one
from tests.gpu.setting import Row, Setting
from tests.gpu.sharing import by_lanes
from trainables import sts
from trainables.sts import data as sts_data
from trainables.sts import model
from trainables.sts.lstm import lstm_by_recurrence, lstm_by_torch
from trainables.sts.train import train

__all__ = ["graphs"]


def graphs(setting: Setting) -> Iterator[Row]:
    """Each beside the same without; of LeNet a lane alone, whose step asks for nothing outside."""
    for graph in (False, True):
        yield by_lanes(1, setting, one_by_one, graph=graph)
    torch.set_num_threads(1)
    dataset = "toy" if setting.rehearse else "stsbenchmark"
    data = sts_data.load(sts_data.prepare(dataset, None).folder)
    buckets = Buckets(graph=torch.cuda.is_available())
    ways = {
        "cuDNN, packed": lstm_by_torch,
        "our recurrence": lstm_by_recurrence,
        "our recurrence, a CUDA graph a bucket": buckets,
    }
    for name, lstm in ways.items():
        with patch.object(model, "lstm", lstm):
            yield {"what": f"sts, {name}", **_sts(data, setting)}
    yield {"what": "sts, graphs", "made": len(buckets.made), "seconds": buckets.making_s}


def _sts(data: sts_data.Data, setting: Setting) -> Row:
    """The fastest of the later epochs: one that meets a new shape makes its graph first."""
    times, scores = [time.perf_counter()], []
    for epoch in train(sts.Config(), data, seed=0, max_epochs=2 if setting.rehearse else 6):
        times.append(time.perf_counter())
        scores.append(epoch.metrics["dev_pearson"])
    taken = [end - start for start, end in itertools.pairwise(times)]
    return {"epoch_s": min(taken[1:]), "dev_pearson": scores[-1]}
