"""What `pack` cuts, `unpack` puts together: in any order, over several calls, and no byte wrong."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.gpu import pack

UNPACK = Path(pack.__file__).with_name("unpack")
PART = 20_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for CIFAR-10 (one file, its pictures empty but for one) and the STS Benchmark."""
    folder = tmp_path_factory.mktemp("data")
    images = np.zeros((10_000, 3072), np.uint8)
    images[1] = np.random.default_rng(0).integers(256, size=3072)
    (folder / pack.CIFAR10).mkdir()
    batch = {b"labels": list(range(10)), b"data": images, b"filenames": [b"one", b"two"]}
    (folder / pack.CIFAR10 / "data_batch_1").write_bytes(pickle.dumps(batch))
    (folder / pack.STS).mkdir()
    (folder / pack.STS / "sts-dev.csv").write_bytes(np.random.default_rng(1).bytes(50_000))
    return folder


@pytest.fixture(scope="module")
def parts(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pack")
    (folder / "wheels").mkdir()
    _wheel(folder / "wheels", "kit_probe")
    _wheel(folder / "wheels", "numpy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_DATA_DIR", str(data))
        archive = pack.gather(folder, folder / "wheels", ["data_batch_1"])
    return pack.cut(archive, folder / "parts", PART)


def _wheel(folder: Path, name: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        about = f"{name}-1.0.dist-info"
        wheel.writestr(f"{name}.py", "FROM = 'the kit'\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")


def unpack(cache: Path, *parts: Path) -> tuple[int, str]:
    """Exit code and what it said, whether on stdout or stderr."""
    env = {**os.environ, "SEARCH_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, UNPACK, *parts], env=env, capture_output=True, text=True, timeout=100
    )
    said = (done.stdout + done.stderr).strip()
    assert len(said.splitlines()) == 1, said
    return done.returncode, said


def test_a_kit_is_set_up_from_parts_in_any_order(
    parts: list[Path], data: Path, tmp_path: Path
) -> None:
    last, *others = parts
    assert all(part.stat().st_size <= PART for part in parts)

    assert unpack(tmp_path, *reversed(others))[0] == 2
    code, said = unpack(tmp_path, last)

    assert code == 0, said
    for name in (f"{pack.CIFAR10}/data_batch_1", f"{pack.STS}/sts-dev.csv"):
        assert (tmp_path / "data" / name).read_bytes() == (data / name).read_bytes()
    asked = "import kit_probe, numpy; print(kit_probe.FROM, numpy.__version__ != '1.0')"
    answer = subprocess.run(
        [tmp_path / "gpu-kit/venv/bin/python", "-c", asked],
        capture_output=True, text=True,
    )  # fmt: skip
    assert answer.stdout.split("\n")[0] == "the kit True", answer.stderr


def test_a_missing_part_is_named(parts: list[Path], tmp_path: Path) -> None:
    there = [part for part in parts if part is not parts[1]]

    code, said = unpack(tmp_path, *there)

    assert code == 2
    assert said == f"{len(there)} of {len(parts)} parts are here; missing: 2"


@pytest.mark.parametrize("place", [3, 40, -1], ids=["first line", "a sum", "content"])
def test_a_wrong_byte_is_told(parts: list[Path], tmp_path: Path, place: int) -> None:
    content = bytearray(parts[0].read_bytes())
    content[place] ^= 1
    altered = tmp_path / "altered"
    altered.write_bytes(content)

    code, said = unpack(tmp_path, altered)

    assert code == 1
    assert str(altered) in said
    assert "altered" in said
    assert "carry it again" in said


def test_a_cut_part_and_an_absent_one_are_told(parts: list[Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(parts[0].read_bytes()[:-5])

    assert "cut or altered" in unpack(tmp_path, cut)[1]
    assert "No such file" in unpack(tmp_path, tmp_path / "absent")[1]


def test_another_kit_takes_the_place_of_what_is_left(parts: list[Path], tmp_path: Path) -> None:
    archive = tmp_path / "other.tar"
    archive.write_bytes(np.random.default_rng(2).bytes(3000))
    other = pack.cut(archive, tmp_path / "other", 2000)
    unpack(tmp_path, *parts[1:])

    assert unpack(tmp_path, other[0])[1] == "1 of 3 parts are here; missing: 2, 3"
    assert unpack(tmp_path, parts[0])[0] == 2


def test_parts_too_small_for_their_own_line_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "kit.tar"
    archive.write_bytes(bytes(10_000))

    with pytest.raises(SystemExit, match="too small"):
        pack.cut(archive, tmp_path, 1100)
