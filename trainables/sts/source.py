"""The STS Benchmark's files: where from, whether intact, and what they say."""

from __future__ import annotations

import hashlib
import math
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from trainables.cache import cache_folder
from trainables.data import find
from trainables.errors import DataError
from trainables.test_split_lock import require_unlocked

__all__ = ["ADDRESS", "CHECKSUMS", "FOLDER", "Pair", "folder", "genres", "read", "require"]

FOLDER = "stsbenchmark"
ADDRESS = "http://ixa2.si.ehu.eus/stswiki/images/4/48/Stsbenchmark.tar.gz"
CHECKSUMS = {  # SHA-256 with line ends made LF: copies in circulation differ in them
    "train": "0f71910b59aa1ad973c5897f0791f3b0965a92b8f82b1a95f3eea9f4162fda82",
    "dev": "5d7e944d8b02734b07bfdb5df67db3420c64bed153fcaa1ba47ad03480cf4234",
    "test": "affe45928a66ee5a708531233c95b7dacbbdc57f974f002a3d32ea0180cf816a",
}
_PAIRS = {"train": 5749, "dev": 1500, "test": 1379}


class Pair(NamedTuple):
    score: float  # 0 (unrelated) to 5 (the same)
    first: str
    second: str


def folder(data_dir: Path | None) -> Path:
    """The folder of the benchmark's files; downloaded if no data folder holds it.

    Raises DataError that says which file is missing, where to put it and from which address.
    """
    found = find(FOLDER, data_dir)
    if found is None and data_dir is not None:
        raise DataError(
            f"no {FOLDER}/ in {data_dir}: unpack {ADDRESS} there, so that "
            f"{data_dir / FOLDER / 'sts-train.csv'} exists"
        )
    return found or _download(cache_folder() / "data")


def require(folder: Path, split: str) -> None:
    """Raises DataError where `folder/sts-SPLIT.csv` is missing; opens nothing."""
    path = folder / f"sts-{split}.csv"
    if not path.is_file():
        raise DataError(f"{path} is missing; it comes from {ADDRESS}")


def read(folder: Path, split: str) -> list[Pair]:
    """The pairs of `folder/sts-SPLIT.csv`, which must be the published text.

    Raises DataError with the file, the line where one is malformed, and the rule; of the test
    split SplitLockedError, unless it is unlocked.
    """
    if split == "test":
        require_unlocked()
    path = folder / f"sts-{split}.csv"
    try:
        content = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; it comes from {ADDRESS}") from error
    digest = hashlib.sha256(content).hexdigest()
    pairs = [
        _parse(line, f"{path}, line {number}")
        for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1)
    ]
    if digest != CHECKSUMS[split]:
        raise DataError(
            f"{path} is not the published file: {len(pairs)} well-formed lines of "
            f"{_PAIRS[split]}, but SHA-256 {digest[:12]}…, not {CHECKSUMS[split][:12]}…; "
            f"take it from {ADDRESS}"
        )
    return pairs


def genres(folder: Path, split: str) -> list[str]:
    """The genre of each pair that `read` gives: main-news, main-captions or main-forums."""
    lines = (folder / f"sts-{split}.csv").read_bytes().splitlines()
    return [line.split(b"\t", 1)[0].decode() for line in lines]


def _parse(line: bytes, where: str) -> Pair:
    """One line: genre, file, year, id, score, sentence, sentence, perhaps licence fields."""
    try:
        fields = line.decode("utf-8").split("\t")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: not UTF-8 (byte 0x{line[error.start]:02x} at {error.start + 1})"
        ) from error
    if len(fields) < 7:
        raise DataError(f"{where}: at least 7 tab-separated fields are needed, got {len(fields)}")
    try:
        score = float(fields[4])
    except ValueError:
        score = math.nan
    if not 0 <= score <= 5:
        raise DataError(f"{where}: the score must be a number from 0 to 5, got {fields[4]!r}")
    if not fields[5].strip() or not fields[6].strip():
        raise DataError(f"{where}: a sentence is empty")
    return Pair(score, fields[5], fields[6])


def _download(target: Path) -> Path:
    import pooch

    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / f"{FOLDER}.lock"):
        if (target / FOLDER).is_dir():  # by another process, meanwhile
            return target / FOLDER
        with tempfile.TemporaryDirectory(dir=target) as scratch:
            try:
                archive = pooch.retrieve(ADDRESS, known_hash=None, path=scratch)
                with tarfile.open(archive) as tar:
                    tar.extractall(scratch, filter="data")
                for split in ("train", "dev"):
                    read(Path(scratch, FOLDER), split)
            except (OSError, ValueError, EOFError, zlib.error, tarfile.TarError) as error:
                raise DataError(
                    f"no {FOLDER}/sts-train.csv found, and downloading it failed "
                    f"({_first_line(error)}): unpack {ADDRESS} into {target}, ./data, or "
                    "another folder and name that with --data-dir"
                ) from error
            Path(scratch, FOLDER).rename(target / FOLDER)
    return target / FOLDER


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
