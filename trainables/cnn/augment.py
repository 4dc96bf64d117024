"""Random crop, flip and normalisation of whole batches, on the device that trains.

B batch, H height, W width, C channels. Images are uint8 (N, H, W, C); what comes out is float32
(B, C, 32, 32) in channels_last memory, with no copy for that.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from trainables.cnn.data import PADDING

__all__ = ["Batches", "normalise"]

SIZE = 32
MEAN = (0.4914, 0.4822, 0.4465)  # of the training images scaled to [0, 1], R G B
STD = (0.2023, 0.1994, 0.2010)


class Batches:
    """Draws augmented batches out of padded images by one gather of pixels.

    `images_NHWC`: uint8 (N, 32 + 2·PADDING, 32 + 2·PADDING, 3). Choosing crop and flip costs
    no pass of its own over pixels: they only change the indices of the gather.
    """

    def __init__(self, images_NHWC: Tensor, augmentation: str, generator: torch.Generator) -> None:
        self.side = images_NHWC.shape[1]
        assert self.side == SIZE + 2 * PADDING
        self.pixels_MC = images_NHWC.view(-1, 3)
        self.augmentation = augmentation
        self.generator = generator
        self.pixel_numbers = torch.arange(SIZE, device=images_NHWC.device)

    def __call__(self, images_B: Tensor) -> Tensor:
        """The images with these numbers, augmented: (B, 3, 32, 32)."""
        top_B, left_B, flip_B = self._draw(len(images_B))
        columns_BW = (
            torch.where(flip_B[:, None], SIZE - 1 - self.pixel_numbers, self.pixel_numbers)
            + left_B[:, None]
        )
        rows_BH = images_B[:, None] * self.side + top_B[:, None] + self.pixel_numbers
        pixels_BHW = rows_BH[:, :, None] * self.side + columns_BW[:, None, :]
        chosen_MC = self.pixels_MC.index_select(0, pixels_BHW.view(-1))
        return normalise(chosen_MC.view(-1, SIZE, SIZE, 3))

    def _draw(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Top, left and flip of each image; drawn for every augmentation alike."""
        device = self.pixel_numbers.device
        offsets_2B = torch.randint(
            2 * PADDING + 1, (2, batch), generator=self.generator, device=device
        )
        flip_B = torch.rand(batch, generator=self.generator, device=device) < 0.5
        if self.augmentation != "crop_flip":
            offsets_2B = torch.full_like(offsets_2B, PADDING)
        if self.augmentation == "none":
            flip_B = torch.zeros_like(flip_B)
        return offsets_2B[0], offsets_2B[1], flip_B


def normalise(images_BHWC: Tensor) -> Tensor:
    """uint8 (B, 32, 32, 3) to float32 (B, 3, 32, 32), of mean 0 and deviation 1 a channel."""
    scale_HWC, shift_HWC = _constants(images_BHWC.device)
    return images_BHWC.float().mul_(scale_HWC).add_(shift_HWC).permute(0, 3, 1, 2)


@functools.lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Scale and shift, spread over the image: broadcasting along 3 channels is far slower."""
    mean, std = torch.tensor(MEAN, device=device), torch.tensor(STD, device=device)
    shape = (SIZE, SIZE, 3)
    return (1 / (255 * std)).expand(shape).contiguous(), (-mean / std).expand(shape).contiguous()
