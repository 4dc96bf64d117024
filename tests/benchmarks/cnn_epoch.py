"""LeNet on CIFAR-10: our epoch against the report's loop, `python -m tests.benchmarks.cnn_epoch`.

The report's loop: torchvision transforms, a DataLoader in the same process, LeNet with ReLU before
pooling, NCHW, torch.optim.SGD, the loss read at every step. Ours is the training function as it
is, evaluation of the 5,000 validation images and weight averaging included. Both train on the same
45,000 images, one thread, batch 128; CPU seconds of the process, interleaved, median of --repeats.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

from trainables.cnn import Config
from trainables.cnn.augment import MEAN, STD, Batches
from trainables.cnn.data import Data, load, prepare
from trainables.cnn.train import train

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    data = load(prepare("cifar10", None).folder)
    loader = DataLoader(Pictures(data), BATCH, shuffle=True)
    parts: dict[str, Callable[[], None]] = {
        "report: augmentation": lambda: exhaust(loader),
        "ours: augmentation": lambda: augment(data),
        "report: epoch": lambda: report_epoch(loader),
        "ours: epoch": lambda: ours_epoch(
            data, Config(activation="relu", augmentation="crop_flip")
        ),
        "ours: epoch, CELU": lambda: ours_epoch(data, Config(augmentation="crop_flip")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            start = time.process_time()
            part()
            seconds[name].append(time.process_time() - start)

    print(f"CPU seconds of {len(data.train_labels):,} images, one core, n = {repeats}")
    for name, values in seconds.items():
        print(f"{name:22} median {median(values):6.2f}  ({min(values):.2f}-{max(values):.2f})")
    for what, goal in (("augmentation", 8), ("epoch", 2)):
        pairs = zip(seconds[f"report: {what}"], seconds[f"ours: {what}"], strict=True)
        ratios = [slow / fast for slow, fast in pairs]
        spread = f"({min(ratios):.1f}-{max(ratios):.1f})"
        print(f"{what}: {median(ratios):.1f}× faster {spread}, at least {goal}× wanted")


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The training split as torchvision.datasets.CIFAR10 gives it: PIL images, transformed."""

    def __init__(self, data: Data) -> None:
        self.images = [to_pil_image(image[4:36, 4:36]) for image in data.train_images]
        self.labels = data.train_labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


class ReportLeNet(nn.Module):
    """LeNet-5 as it is usually written: activation, then pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


def report_epoch(loader: DataLoader[tuple[torch.Tensor, int]]) -> None:
    model = ReportLeNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    total, correct = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        logits = model(images)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
        correct += int((logits.argmax(1) == labels).sum())


def ours_epoch(data: Data, config: Config) -> None:
    next(train(config, data, seed=0, max_epochs=18))


def exhaust(loader: DataLoader[tuple[torch.Tensor, int]]) -> None:
    for _ in loader:
        pass


def augment(data: Data) -> None:
    generator = torch.Generator().manual_seed(0)
    batches = Batches(torch.from_numpy(data.train_images), "crop_flip", generator)
    for images_B in torch.randperm(len(data.train_labels), generator=generator).split(BATCH):
        batches(images_B)


if __name__ == "__main__":
    main()
