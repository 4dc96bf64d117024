"""A trained image classifier as a folder, and its labels of any images.

N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from trainables import State
from trainables.cnn import Config
from trainables.cnn.augment import SIZE, normalise
from trainables.cnn.data import CLASSES, Data
from trainables.cnn.device import choose
from trainables.cnn.model import build
from trainables.export import DESCRIPTION, seal, verify

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["Classifier", "answer_from", "example", "export", "load", "typed"]

_FORMAT = 1
_BATCH = 500  # images


def export(config: Config, data: Data, state: State, folder: Path) -> None:
    """Write the model of a training function's `state` into `folder`."""
    weights = {name: t.detach().cpu().contiguous() for name, t in state["average"].items()}
    save_file(weights, folder / "weights.safetensors")
    description = {"format": _FORMAT, "module": __name__, "config": dataclasses.asdict(config)}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
    seal(folder)


def load(folder: Path) -> Classifier:
    """The model that `export` wrote. Raises AlteredError, ValueError (another format)."""
    verify(folder)
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if description["format"] != _FORMAT:
        raise ValueError(f"{folder}: format {description['format']}, this code reads {_FORMAT}")
    model = build(Config(**description["config"]), seed=0)
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    return Classifier(model)


def example() -> np.ndarray:
    """Two inputs: a black and a white image."""
    return np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in (0, 255)])


def typed(arguments: Sequence[str]) -> np.ndarray:
    """Image files, as a viewer shows them. One of another size is cut to its middle square and
    resized, what is transparent is put over white, each with a warning.

    Raises ValueError (no image), OSError.
    """
    if not arguments:
        raise ValueError("an image file is needed")
    return np.stack([_read_image(Path(name)) for name in arguments])


def _read_image(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no image that can be read (PNG, JPEG …)") from None
    except Exception as error:  # whatever a damaged file makes of its decoder
        raise ValueError(f"{path} cannot be read as an image: {error}") from None
    colours = _colours(upright, path)
    if colours.size != (SIZE, SIZE):
        width, height = colours.size
        warnings.warn(
            f"{path} is {width}×{height}: its middle is resized to {SIZE}×{SIZE}", stacklevel=2
        )
        colours = ImageOps.fit(colours, (SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(colours, dtype=np.uint8)


def _colours(image: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """In 8-bit RGB, of which Pillow's `convert` gives wrong values where it clips or drops."""
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError(
            f"{path} has pixels of 32 bits, and which of their values are black and white is not "
            "known: save it with 8 or 16"
        )
    if image.mode.startswith("I;16"):  # 257 = 65535 / 255
        grey_HW = (np.asarray(image) / 257).round().astype(np.uint8)
        return Image.fromarray(grey_HW).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            warnings.warn(f"{path} is transparent in places: it is put over white", stacklevel=2)
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def answer_from(probabilities_NK: np.ndarray) -> dict[str, Any]:
    """What a user gets for probabilities (N, K), a model's or the mean of several models'."""
    return {
        "label": [CLASSES[k] for k in probabilities_NK.argmax(1)],
        "probabilities": probabilities_NK.astype(np.float64).tolist(),
    }


class Classifier:
    """Labels images of the ten classes."""

    def __init__(self, model: nn.Module) -> None:
        self._device = choose()
        self._model = model.to(self._device.name).eval()

    @torch.inference_mode()
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities (N, K) float32 of uint8 images (N, 32, 32, 3).

        Raises ValueError (another type or size).
        """
        images_NHWC = np.asarray(inputs)
        if images_NHWC.dtype != np.uint8 or images_NHWC.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(
                f"images must be uint8 of shape N×{SIZE}×{SIZE}×3, got {images_NHWC.dtype} of "
                f"shape {'×'.join(map(str, images_NHWC.shape))}"
            )
        found = [np.empty((0, len(CLASSES)), np.float32)]
        with self._device.autocast():
            for at in range(0, len(images_NHWC), _BATCH):
                images = torch.tensor(images_NHWC[at : at + _BATCH], device=self._device.name)
                found.append(self._model(normalise(images)).float().softmax(1).cpu().numpy())
        return np.concatenate(found)

    def answer(self, inputs: np.ndarray) -> dict[str, Any]:
        """{"label": N class names, "probabilities": N lists of ten, in the order of CLASSES}."""
        return answer_from(self.predict(inputs))
