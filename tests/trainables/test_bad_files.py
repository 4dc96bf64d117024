"""Data files mutated byte by byte: read as published, or refused in a line that names the file."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trainables.cnn import data as cnn_data
from trainables.errors import DataError
from trainables.sts import source

within_a_test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Mutation = Callable[[bytes], bytes]
PLACE = st.floats(0, 1, exclude_max=True)  # where in a file, as a share of its length
BYTES = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from(
        [b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xe2\x80\xa8", b"\x85", b"nan"]
    ),
)


def _at(content: bytes, share: float) -> int:
    return int(share * len(content))


def _overwrite(share: float, what: bytes) -> Mutation:
    return lambda c: c[: _at(c, share)] + what + c[_at(c, share) + len(what) :]


def _insert(share: float, what: bytes) -> Mutation:
    return lambda c: c[: _at(c, share)] + what + c[_at(c, share) :]


def _leave_out(share: float, length: int) -> Mutation:
    return lambda c: c[: _at(c, share)] + c[_at(c, share) + length :]


MUTATIONS: st.SearchStrategy[list[Mutation]] = st.lists(
    st.one_of(
        st.builds(_overwrite, PLACE, BYTES),
        st.builds(_insert, PLACE, BYTES),
        st.builds(_leave_out, PLACE, st.integers(1, 10_000)),
        st.just(lambda c: c.replace(b"\n", b"\r\n")),
        st.just(lambda c: c + c),
    ),
    min_size=1,
    max_size=3,
)


def _mutated(content: bytes, mutations: list[Mutation]) -> bytes:
    for mutation in mutations:
        content = mutation(content)
    return content


def _assert_one_line(error: pytest.ExceptionInfo[DataError], file: Path) -> None:
    assert str(file) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


# STS -------------------------------------------------------------------------------------------

LINES = [
    b"main-captions\tMSRvid\t2012test\t0001\t5.000\tA plane is taking off.\tAn air plane goes.",
    b"main-news\theadlines\t2013\t0002\t0.25\tK\xc3\xb6ln wins \xe2\x82\xac5\tBayern loses",
    b"main-forums\tdeft\t2014\t0003\t3\tWhat is that?\tWho is she?\tlicence",
]
STS = b"\n".join(LINES) + b"\n"


@pytest.fixture
def sts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dev split of three lines that passes for the published one."""
    monkeypatch.setitem(source.CHECKSUMS, "dev", hashlib.sha256(STS).hexdigest())
    return tmp_path / "sts-dev.csv"


def test_what_is_mutated_here_is_sound(sts_file):
    sts_file.write_bytes(STS)

    assert [pair.score for pair in source.read(sts_file.parent, "dev")] == [5.0, 0.25, 3.0]


@within_a_test
@given(mutations=MUTATIONS)
@example(mutations=[lambda content: content.replace(b"5.000", b"5.001")])
def test_a_mutated_sts_file_is_the_published_one_or_refused(sts_file, mutations):
    content = _mutated(STS, mutations)
    sts_file.write_bytes(content)

    if content.replace(b"\r\n", b"\n") == STS:
        assert len(source.read(sts_file.parent, "dev")) == len(LINES)
        return
    with pytest.raises(DataError) as error:
        source.read(sts_file.parent, "dev")
    _assert_one_line(error, sts_file)


@within_a_test
@given(mutations=MUTATIONS)
def test_without_the_checksum_a_score_is_a_score(sts_file, monkeypatch, mutations):
    """What the parser itself lets through: sentences that are text, scores from 0 to 5."""
    content = _mutated(STS, mutations)
    sts_file.write_bytes(content)
    published = hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
    monkeypatch.setitem(source.CHECKSUMS, "dev", published)

    try:
        pairs = source.read(sts_file.parent, "dev")
    except DataError:
        return
    for pair in pairs:
        assert 0 <= pair.score <= 5
        assert pair.first.strip()
        assert pair.second.strip()


# CIFAR-10 --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch() -> bytes:
    """A small batch in CIFAR-10's own form."""
    images = np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)
    return pickle.dumps({b"data": images, b"labels": [3, 7]}, protocol=2)


@pytest.fixture
def cifar_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: bytes) -> Path:
    """One batch that passes for the published ones, and a cache of its own."""
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    published = {"data_batch_1": hashlib.md5(batch).hexdigest()}
    monkeypatch.setattr(cnn_data, "BATCH_MD5", published)
    for function in (cnn_data._verify, cnn_data._read_batches):
        monkeypatch.setattr(function, "__defaults__", (published,))
    folder = tmp_path / "data" / cnn_data.FOLDER
    folder.mkdir(parents=True)
    return folder


@within_a_test
@given(mutations=MUTATIONS)
def test_a_mutated_cifar_batch_is_refused_before_it_is_unpickled(
    cifar_folder, monkeypatch, batch, mutations
):
    shutil.rmtree(cifar_folder.parents[1] / "cache", ignore_errors=True)
    content = _mutated(batch, mutations)
    (cifar_folder / "data_batch_1").write_bytes(content)
    unpickled = []
    monkeypatch.setattr(cnn_data.pickle, "loads", lambda *a, **k: unpickled.append(a) or {})
    if content == batch:
        return

    with pytest.raises(DataError) as error:
        cnn_data.prepare("cifar10", cifar_folder.parent)
    _assert_one_line(error, cifar_folder / "data_batch_1")
    assert unpickled == []


def test_the_batch_that_is_mutated_here_is_sound(cifar_folder, batch):
    (cifar_folder / "data_batch_1").write_bytes(batch)

    prepared = cnn_data.prepare("cifar10", cifar_folder.parent)

    assert len(cnn_data.load(prepared.folder).train_labels) == 2
