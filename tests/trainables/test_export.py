"""A sealed folder is the one that was sealed, or is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trainables.errors import AlteredError
from trainables.export import seal, verify


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "weights.safetensors").write_bytes(b"\0" * 100)
    (tmp_path / "model.json").write_text("{}")
    seal(tmp_path)
    return tmp_path


def test_the_hash_is_of_the_content(sealed, tmp_path):
    before = verify(sealed)
    assert seal(sealed) == before

    (sealed / "model.json").write_text("{ }")

    assert seal(sealed) != before


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_an_altered_or_lost_file_is_named(sealed, name):
    content = (sealed / name).read_bytes()
    (sealed / name).write_bytes(content[:-1] + b"x")
    with pytest.raises(AlteredError, match=name):
        verify(sealed)

    (sealed / name).unlink()
    with pytest.raises(AlteredError, match=name):
        verify(sealed)


def test_a_file_that_was_added_is_named(sealed):
    (sealed / "more.pkl").write_bytes(b"")

    with pytest.raises(AlteredError, match=r"more\.pkl"):
        verify(sealed)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(AlteredError, match="no model of ours"):
        verify(tmp_path)


def test_sha256sum_reads_the_sums(sealed):
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=sealed, capture_output=True)

    assert done.returncode == 0
