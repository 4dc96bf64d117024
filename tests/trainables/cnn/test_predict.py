"""The exported classifier: the trained one's probabilities, and one line for what is no image."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.cnn import Config, predict
from trainables.cnn.data import CLASSES, Data
from trainables.cnn.train import train
from trainables.errors import AlteredError


@pytest.fixture(scope="module", params=["lenet", "resnet18"])
def exported(
    request: pytest.FixtureRequest, few: Data, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, np.ndarray]:
    """A model after one epoch, and its validation probabilities in training."""
    config = Config(model=request.param, batch_size=8)
    last = next(train(config, few, seed=1, max_epochs=1))
    folder = tmp_path_factory.mktemp(request.param)
    predict.export(config, few, last.state(), folder)
    return folder, last.predictions()


def test_the_loaded_model_is_the_trained_one(exported: tuple[Path, np.ndarray], few: Data) -> None:
    folder, probabilities_NK = exported
    model = predict.load(folder)

    np.testing.assert_allclose(model.predict(few.val_images), probabilities_NK, atol=1e-5)
    answer = model.answer(few.val_images)
    assert answer["label"] == [CLASSES[k] for k in probabilities_NK.argmax(1)]
    np.testing.assert_allclose(answer["probabilities"], probabilities_NK, atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28, 3), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((2, 32, 32, 3), np.float32),
    ],
    ids=["size", "one", "type"],
)
def test_what_is_no_image_of_ours_is_said(
    exported: tuple[Path, np.ndarray], images: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"must be uint8 of shape N×32×32×3, got .* of shape"):
        predict.load(exported[0]).predict(images)


def test_altered_weights_are_refused(exported: tuple[Path, np.ndarray]) -> None:
    path = exported[0] / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(AlteredError, match=r"weights\.safetensors"):
            predict.load(exported[0])
    finally:
        path.write_bytes(content)


def test_image_files_as_typed(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    Image.fromarray(pixels[..., 0]).resize((100, 60)).save(tmp_path / "grey.png")

    with pytest.warns(UserWarning, match=r"grey\.png is 100×60: its middle is resized"):
        images = predict.typed([str(tmp_path / name) for name in ("own.png", "grey.png")])

    assert images.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(images[0], pixels)


def test_a_picture_is_seen_as_a_viewer_shows_it(tmp_path: Path) -> None:
    """A camera held upright, a scan of 16 bits, a logo on nothing."""
    turned = Image.Exif()
    turned[0x112] = 6  # orientation: turn it clockwise
    bright_top = np.zeros((32, 32, 3), np.uint8)
    bright_top[:16] = 255
    Image.fromarray(bright_top).save(tmp_path / "turned.png", exif=turned)
    grey = np.arange(1024, dtype=np.uint16).reshape(32, 32) * 64
    for name, order in (("deep.png", "<u2"), ("deep.tif", ">u2")):
        Image.fromarray(grey.astype(order)).save(tmp_path / name)

    seen = predict.typed([str(tmp_path / n) for n in ("turned.png", "deep.png", "deep.tif")])

    np.testing.assert_array_equal(seen[0], bright_top.transpose(1, 0, 2)[:, ::-1])
    for image in seen[1:]:
        np.testing.assert_allclose(image[..., 0], grey / 257, atol=0.5)


def test_what_is_transparent_is_put_over_white_and_said(tmp_path: Path) -> None:
    black = np.zeros((32, 32, 4), np.uint8)
    black[..., 3] = 255
    Image.fromarray(black).save(tmp_path / "opaque.png")
    black[:16, :, 3] = 0
    Image.fromarray(black).save(tmp_path / "clear.png")

    with warnings.catch_warnings(action="error"):
        assert not predict.typed([str(tmp_path / "opaque.png")]).any()
    with pytest.warns(UserWarning, match=r"clear\.png is transparent in places"):
        [seen] = predict.typed([str(tmp_path / "clear.png")])

    assert seen[:16].min() == 255
    assert seen[16:].max() == 0


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_picture_without_a_known_white_is_refused(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(np.ones((32, 32), dtype)).save(tmp_path / "odd.tif")

    with pytest.raises(ValueError, match=r"odd\.tif has pixels of 32 bits"):
        predict.typed([str(tmp_path / "odd.tif")])


def test_what_is_no_image_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")

    Image.effect_noise((64, 64), 90).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    for name, content in (
        ("cut", whole[: len(whole) // 2]),
        ("torn", whole.replace(b"IEND", b"IxxD")),
    ):
        (tmp_path / f"{name}.png").write_bytes(content)
    body = bytearray(whole)
    body[whole.index(b"IDAT") + 200] ^= 0xFF
    (tmp_path / "altered.png").write_bytes(bytes(body))

    for name in ("cut", "altered"):
        with pytest.raises(ValueError, match=rf"{name}\.png cannot be read as an image"):
            predict.typed([str(tmp_path / f"{name}.png")])
    with pytest.raises(ValueError, match=r"text\.png is no image"):
        predict.typed([str(tmp_path / "text.png")])
    with pytest.raises(OSError, match=r"none\.png"):
        predict.typed([str(tmp_path / "none.png")])
    with pytest.raises(ValueError, match="image file is needed"):
        predict.typed([])
