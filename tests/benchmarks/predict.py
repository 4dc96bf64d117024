"""How many pairs a second does `python -m search predict sts --input` answer, once loaded? How long
does one take that is typed, from the start of the process to its end?

    python -m tests.benchmarks.predict

A registered model of the default configuration after one epoch; 10,000 pairs of the STS Benchmark's
training and validation splits, to one in five of which a word is added that nobody has seen. From
the CSV file to the CSV file, on one core. Required: 5,000 a second; a typed pair within 2.5 s where
nothing else runs. Its processor time, torch's import in it, says more where something does.
"""

from __future__ import annotations

import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlflow
import numpy as np
import torch

from search.models import registry
from search.models.input_files import read_inputs, write_answers
from search.models.predict import open_model
from search.tasks.registry import find_task
from trainables.export import verify
from trainables.sts import Config, data, predict, source
from trainables.sts.train import train

PAIRS, RUNS, REQUIRED = 10_000, 5, 5_000


def main() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    torch.set_num_threads(1)
    dataset = data.load(data.prepare("stsbenchmark", None).folder)
    pairs = [pair for split in ("train", "dev") for pair in source.read(source.folder(None), split)]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_pairs(Path("pairs.csv"), pairs)
        uri = f"sqlite:///{folder}/mlflow.db"
        register(uri, dataset)
        begun = time.perf_counter()
        model = open_model(uri, find_task("sts"), "1")
        print(f"loaded in {time.perf_counter() - begun:.1f} s")
        rates = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            inputs = read_inputs(Path("pairs.csv"))
            write_answers(inputs, model.predict(inputs), Path("scores.csv"))
            rates.append(PAIRS / (time.perf_counter() - begun))
        pair = ["A man plays a guitar.", "Someone is playing guitar."]
        command = ["-m", "search", "predict", "sts", "--model", "1", *pair]
        time_command(command, "one typed pair")
        time_command(["-c", "import torch, os; os._exit(0)"], "torch's import alone")
    print(
        f"{PAIRS} pairs, {RUNS} runs: {statistics.median(rates):.0f} pairs a second "
        f"({min(rates):.0f}-{max(rates):.0f}); required {REQUIRED}"
    )


def time_command(command: list[str], what: str) -> None:
    """Print the processor time (user and system) and the wall time of the command's process."""
    cpu, wall = [], []
    for _ in range(RUNS):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
        wall.append(time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    print(
        f"{what}, {RUNS} runs at load {os.getloadavg()[0]:.0f}: {statistics.median(cpu):.2f} CPU s "
        f"({min(cpu):.2f}-{max(cpu):.2f}), {statistics.median(wall):.1f} s "
        f"({min(wall):.1f}-{max(wall):.1f})"
    )


def register(uri: str, dataset: data.Data) -> None:
    config = Config()
    model = Path("model")
    model.mkdir()
    epoch = next(train(config, dataset, seed=0, max_epochs=9))
    predict.export(config, dataset, epoch.state(), model)
    client = mlflow.MlflowClient(uri)
    example = predict.example()
    registry.register(
        uri,
        "sts",
        experiment="sts",
        run_id=client.create_run(client.create_experiment("sts")).info.run_id,
        model=model,
        model_hash=verify(model),
        example=example,
        answer=predict.load(model).answer(example),
        validation=np.zeros((1, 1)),
        requirements=[f"mlflow=={mlflow.__version__}"],
        tags={"study": "benchmark"},
    )


def write_pairs(path: Path, pairs: list[source.Pair]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sentence1", "sentence2"])
        for number in range(PAIRS):
            pair = pairs[number % len(pairs)]
            more = f" zqx{number}" if number % 5 == 0 else ""
            rows.writerow([pair.first + more, pair.second])


if __name__ == "__main__":
    main()
