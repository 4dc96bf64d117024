from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision import transforms

from trainables.cnn.augment import MEAN, STD, Batches, normalise
from trainables.cnn.data import Data


def test_every_crop_and_flip_is_drawn_and_is_whole() -> None:
    # Each pixel tells where it was: red its row, green its column, blue its image.
    position = torch.stack(torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij"), 2)
    images = torch.stack(
        [torch.cat([position, torch.full((40, 40, 1), n)], 2) for n in range(50)]
    ).to(torch.uint8)
    batches = Batches(images, "crop_flip", torch.Generator().manual_seed(0))
    seen = []
    for _ in range(40):
        chosen = torch.randperm(50)
        pixels_BCHW = _denormalise(batches(chosen))
        for image, (rows, columns, number) in zip(chosen, pixels_BCHW, strict=True):
            assert (number == image).all()
            top, left = int(rows.min()), int(columns.min())
            flipped = bool(columns[0, 0] > columns[0, 1])
            expected = torch.arange(32) + left
            assert (rows == (torch.arange(32) + top)[:, None]).all()
            assert (columns == (expected.flip(0) if flipped else expected)).all()
            seen.append((top, left, flipped))
    tops, lefts, flips = (np.array(values) for values in zip(*seen, strict=True))
    for offsets in (tops, lefts):
        counts = np.bincount(offsets, minlength=9)
        assert len(counts) == 9
        assert counts.min() > 2000 / 9 * 0.7  # five standard deviations
    assert 0.44 < flips.mean() < 0.56


def test_flip_alone_stays_in_the_middle(toy: Data) -> None:
    images = torch.from_numpy(toy.train_images[:64])
    middle = normalise(images[:, 4:36, 4:36])
    flipped = 0
    batch = Batches(images, "flip", torch.Generator().manual_seed(0))(torch.arange(64))
    for ours, whole in zip(batch, middle, strict=True):
        straight, turned = torch.equal(ours, whole), torch.equal(ours, whole.flip(2))
        assert straight or turned
        flipped += turned
    assert 16 < flipped < 48


def test_none_equals_torchvision(toy: Data) -> None:
    images = torch.from_numpy(toy.train_images[:8])
    batch = Batches(images, "none", torch.Generator().manual_seed(0))(torch.arange(8))
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    expected = torch.stack([theirs(image[4:36, 4:36]) for image in toy.train_images[:8]])
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-5)


def test_batches_are_channels_last_without_a_copy(toy: Data) -> None:
    images = torch.from_numpy(toy.train_images)
    batch = Batches(images, "crop_flip", torch.Generator())(torch.arange(16))
    assert batch.shape == (16, 3, 32, 32)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_augmentations_draw_alike(toy: Data) -> None:
    """So that what is shuffled afterwards does not depend on the augmentation."""
    states = []
    for augmentation in ("crop_flip", "flip", "none"):
        generator = torch.Generator().manual_seed(0)
        Batches(torch.from_numpy(toy.train_images), augmentation, generator)(torch.arange(16))
        states.append(generator.get_state().tolist())
    assert states[0] == states[1] == states[2]


def _denormalise(batch_BCHW: Tensor) -> Tensor:
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return ((batch_BCHW * std + mean) * 255).round().long()
