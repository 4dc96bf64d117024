"""Where Ray's token and sockets are, on machines that make it hard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.errors import ClusterError
from search.machines import ray_folders
from search.machines.ray_folders import own_token, session_root, shared_token, token_file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the token, in a folder that is not there yet."""
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / ".ray" / "auth_token"))
    return tmp_path / ".ray" / "auth_token"


def test_a_token_is_made_once(path: Path) -> None:
    assert token_file() == path
    first = path.read_text()
    assert len(first) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_file().read_text() == first
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_one_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    path.touch()

    assert len(token_file().read_text()) == 64


@pytest.mark.parametrize(
    "content", [b"9f3a", b"\n\n", b"\0" * 64, b"two words of a text", b"\xff" * 64]
)
def test_what_is_no_token_is_told_and_a_ray_of_our_own_starts(
    path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(ClusterError, match="holds no token: it is cut short or of something else"):
        shared_token()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    own_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "trouble", ["a file in the way", "a folder in its place", "no home at all"]
)
def test_where_there_can_be_none(path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    if trouble == "a file in the way":
        path.parent.touch()
    elif trouble == "a folder in its place":
        path.mkdir(parents=True)
    else:
        monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
        monkeypatch.setattr(
            Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home"))
        )
    with pytest.raises(ClusterError, match="RAY_AUTH_TOKEN_PATH names"):
        shared_token()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    own_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_a_token_of_the_environment_stands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    own_token()
    shared_token()

    assert os.environ["RAY_AUTH_TOKEN"] == "given"
    assert not path.exists()


def test_a_temporary_folder_with_a_long_name_is_not_taken(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    short, long = tmp_path / "s", tmp_path / ("ä" * 60)
    short.mkdir()
    long.mkdir()
    monkeypatch.setattr(
        ray_folders, "_others", lambda: [long / "ray", tmp_path / "no" / "ray", short]
    )
    monkeypatch.setattr(ray_folders, "_SOCKET", "/s")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert session_root() is None
    monkeypatch.setenv("TMPDIR", str(long))
    assert session_root() == short
    monkeypatch.setattr(ray_folders, "_others", list)
    with pytest.raises(ClusterError, match=r"at most 107 bytes.*set RAY_TMPDIR to a short path"):
        session_root()
