"""Pack all that a bare machine with a GPU needs: `python -m tests.gpu.pack FOLDER --part-mib 55`.

That machine has Python, torch with CUDA, torchvision, NumPy, SciPy and Matplotlib, and no network.
The kit is wheels of what else the project imports, CIFAR-10 and the STS Benchmark, as one archive,
cut into parts that travel one by one. Each part begins with a line of JSON, the same in all of them
but for the part's own number: the kit's id, and every part's length and SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.gpu import cifar
from trainables.cnn.data import BATCH_MD5, TEST_MD5
from trainables.cnn.data import FOLDER as CIFAR10
from trainables.data import find

__all__ = ["cut", "gather"]

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
BATCHES = (*BATCH_MD5, *TEST_MD5)
STS = "stsbenchmark"
# What is there, and what only these need.
THERE = {
    *("torch", "torchvision", "numpy", "scipy", "pillow", "setuptools"),
    *("matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver", "pyparsing"),
}
FOR_TESTS = ("hypothesis", "pytest", "pytest-timeout", "pytest-xdist")
NUMPY = "2.5"  # there; the wheels must agree with it
# pip matches each exactly: glibc 2.28 runs them all.
PLATFORMS = [
    *(f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)),
    *(f"manylinux{name}_x86_64" for name in ("2014", "2010", "1")),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the parts are put")
    parser.add_argument("--part-mib", type=float, default=55, help="the largest part (55)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, in place of a download")
    parser.add_argument("--python", default="3.12", help="that machine's (3.12)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wheels = options.wheels or download(Path(scratch) / "wheels", options.python)
        archive = gather(Path(scratch), wheels)
        for part in cut(archive, options.folder, int(options.part_mib * MIB)):
            print(f"{part}  {part.stat().st_size / MIB:.1f} MiB")


def download(folder: Path, python: str) -> Path:
    """Wheels of the project's requirements, and of theirs, for that Python on Linux, x86-64."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        # Its dashboard, an extra of 17 MiB, is for clusters.
        requirement.replace("ray[default,tune]", "ray[tune]")
        for requirement in project["dependencies"]
        if not _name(requirement).startswith("torch")
    ]
    tested = (ROOT / "infra" / "constraints.txt").read_text().splitlines()
    kept = [line for line in tested if not line.startswith("#") and _name(line) not in THERE]
    folder.mkdir()
    constraints = folder / "constraints"
    constraints.write_text("\n".join([*kept, f"numpy=={NUMPY}.*"]))
    target = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-qq", "--dest", folder, *target,
         *(f"--platform={name}" for name in PLATFORMS),
         "--constraint", constraints, *needed, *FOR_TESTS],
        check=True,
    )  # fmt: skip
    return folder


def gather(scratch: Path, wheels: Path, batches: Sequence[str] = BATCHES) -> Path:
    """One archive of all that the kit holds, made in `scratch`."""
    archive = scratch / "kit.tar"
    images = scratch / CIFAR10
    images.mkdir()
    with tarfile.open(archive, "w") as tar:
        for wheel in sorted(wheels.glob("*.whl")):
            if _name(wheel.name.replace("_", "-")) not in THERE:
                tar.add(wheel, f"wheels/{wheel.name}")
        for name in batches:
            cifar.pack(_data(CIFAR10) / name, images)
        tar.add(images, CIFAR10)
        tar.add(_data(STS), STS)
    return archive


def cut(archive: Path, folder: Path, most: int) -> list[Path]:
    """Write the archive into `folder` as parts of at most so many bytes; parts of old are removed.

    Raises SystemExit.
    """
    size = archive.stat().st_size
    # The line is as long for any part: hexadecimal sums, numbers of few digits.
    count = -(-size // max(most - 1000, 1))
    payload = most - 200 * (count + 2)
    if payload < 1000:
        raise SystemExit(f"--part-mib is too small: {size / MIB:.0f} MiB in parts of {most} bytes")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("part-*"):
        old.unlink()
    parts: list[dict[str, Any]] = []
    with archive.open("rb") as file:
        while chunk := file.read(payload):
            parts.append({"bytes": len(chunk), "sha256": hashlib.sha256(chunk).hexdigest()})
    kit = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    paths = [folder / f"part-{n:02}-of-{len(parts):02}" for n in range(1, len(parts) + 1)]
    with archive.open("rb") as file:
        for number, (path, part) in enumerate(zip(paths, parts, strict=True), 1):
            line = json.dumps({"kit": kit, "part": number, "parts": parts}).encode()
            path.write_bytes(line + b"\n" + file.read(part["bytes"]))
    return paths


def _name(requirement: str) -> str:
    """`psycopg` of "psycopg[binary]>=3.2", and of psycopg-3.3.9-py3-none-any.whl."""
    found = re.match(r"[a-z][a-z\d]*([._-][a-z][a-z\d]*)*", requirement.lower())
    return found[0] if found else requirement


def _data(name: str) -> Path:
    folder = find(name)
    if folder is None:
        raise SystemExit(f"{name} is not on this machine: `python -m search doctor` tells where")
    return folder


if __name__ == "__main__":
    main()
