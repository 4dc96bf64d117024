import io
import random
import tarfile
import zlib

import pytest

from trainables.cache import cache_folder
from trainables.data import find
from trainables.errors import DataError
from trainables.sts import source

REAL = find(source.FOLDER)
needs_data = pytest.mark.skipif(REAL is None, reason="the STS Benchmark's files are not here")


@pytest.fixture
def copy(tmp_path):
    """A folder with a copy of the real dev split, to be damaged."""
    text = (REAL / "sts-dev.csv").read_bytes()
    (tmp_path / "sts-dev.csv").write_bytes(text)
    return tmp_path / "sts-dev.csv"


@needs_data
@pytest.mark.parametrize(("split", "pairs"), [("train", 5749), ("dev", 1500)])
def test_the_published_files_are_read_whole(split, pairs):
    assert len(source.read(REAL, split)) == pairs


@needs_data
def test_line_ends_do_not_matter(copy):
    copy.write_bytes(copy.read_bytes().replace(b"\n", b"\r\n"))
    assert source.read(copy.parent, "dev") == source.read(REAL, "dev")


@needs_data
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"5.000", b"5.001", 1), *lines[3:]],
         r"sts-dev\.csv, line 3: the score must be a number from 0 to 5, got '5\.001'"),
        (lambda lines: [*lines[:2], lines[2].replace(b"5.000", b"nan", 1), *lines[3:]],
         r"line 3: the score must be a number from 0 to 5, got 'nan'"),
        (lambda lines: [lines[0].replace(b"hard", b"h\xe9rd"), *lines[1:]],
         r"line 1: not UTF-8 \(byte 0xe9 at \d+\)"),
        (lambda lines: [*lines[:700], lines[700][:20]],
         r"line 701: at least 7 tab-separated fields are needed, got \d"),
        (lambda lines: [*lines[:700]], r"700 well-formed lines of 1500, but SHA-256"),
        (lambda lines: [lines[0].replace(b"hard", b"soft"), *lines[1:]],
         r"sts-dev\.csv is not the published file: 1500 well-formed lines.*take it from http"),
        (lambda lines: [b"\t".join([*lines[0].split(b"\t")[:6], b" "]), *lines[1:]],
         r"line 1: a sentence is empty"),
        (lambda lines: [], r"line 1: at least 7"),
    ],
    ids=["score", "nan", "encoding", "cut in a line", "cut", "altered", "empty sentence", "empty"],
)  # fmt: skip
def test_damage_is_refused_with_file_and_line(copy, damage, message):
    copy.write_bytes(b"\n".join(damage(copy.read_bytes().split(b"\n"))))
    with pytest.raises(DataError, match=message) as caught:
        source.read(copy.parent, "dev")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"sts-dev\.csv: No such file.*ixa2"):
        source.read(tmp_path, "dev")


def test_a_given_folder_without_the_data_says_what_to_put_there(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path}.*unpack http.*sts-train\.csv"):
        source.folder(tmp_path)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")


def test_no_data_and_no_network_says_what_to_do(nowhere, monkeypatch):
    monkeypatch.setattr(source, "ADDRESS", "http://127.0.0.1:9/Stsbenchmark.tar.gz")
    with pytest.raises(DataError, match=r"sts-train\.csv found.*127\.0\.0\.1:9.*--data-dir") as e:
        source.folder(None)
    assert "\n" not in str(e.value)
    assert list((cache_folder() / "data").glob("*[!k]")) == []  # nothing but the lock is left


@needs_data
def test_the_archive_is_unpacked_and_verified(nowhere, monkeypatch, tmp_path):
    with tarfile.open(tmp_path / "sts.tar.gz", "w:gz") as tar:
        for split in ("train", "dev"):
            tar.add(REAL / f"sts-{split}.csv", f"{source.FOLDER}/sts-{split}.csv")
    serve(monkeypatch, tmp_path / "sts.tar.gz")
    folder = source.folder(None)
    assert folder == cache_folder() / "data" / source.FOLDER
    assert source.folder(None) == folder.resolve()


@pytest.mark.parametrize(
    ("rest", "message"),
    [(b"", "ended before"), (b"\xff" * 99, "invalid block type")],
    ids=["cut", "damaged"],
)
def test_an_archive_that_is_cut_or_damaged_is_one_line(
    nowhere, monkeypatch, tmp_path, rest, message
):
    with tarfile.open(tmp_path / "sts.tar", "w") as tar:
        entry = tarfile.TarInfo(f"{source.FOLDER}/sts-train.csv")
        entry.size = 300_000  # more than is read at once
        tar.addfile(entry, io.BytesIO(random.Random(0).randbytes(entry.size)))
    zipped = zlib.compressobj(wbits=31)
    start = zipped.compress((tmp_path / "sts.tar").read_bytes()[:200_000])
    start += zipped.flush(zlib.Z_SYNC_FLUSH)
    (tmp_path / "sts.tar.gz").write_bytes(start + rest)
    serve(monkeypatch, tmp_path / "sts.tar.gz")
    with pytest.raises(DataError, match=f"downloading it failed .*{message}") as caught:
        source.folder(None)
    assert "\n" not in str(caught.value)


def test_an_archive_that_reaches_outside_is_refused(nowhere, monkeypatch, tmp_path):
    with tarfile.open(tmp_path / "sts.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("../../../planted")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    serve(monkeypatch, tmp_path / "sts.tar.gz")
    with pytest.raises(DataError, match="outside"):
        source.folder(None)
    assert not list(tmp_path.rglob("planted"))


def serve(monkeypatch, archive):
    """The network is the one thing that is faked: `pooch.retrieve` finds the archive here."""
    monkeypatch.setattr("pooch.retrieve", lambda *args, **kwargs: str(archive))
