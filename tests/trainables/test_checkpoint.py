import errno
import hashlib
import io
import os
import time

import pytest
import torch

from trainables import checkpoint

STATE = {"epoch": 3, "weights": {"w": torch.arange(4.0)}, "best": None, "history": [0.5, 1]}


def test_a_state_comes_back_as_it_was(tmp_path):
    checkpoint.save(STATE, tmp_path / "new", 3)
    epoch, state = checkpoint.load(tmp_path / "new")
    assert epoch == 3
    assert torch.equal(state["weights"]["w"], STATE["weights"]["w"])
    assert (state["best"], state["history"]) == (None, [0.5, 1])


def test_the_newest_two_are_kept(tmp_path):
    for epoch in (9, 10, 11):
        checkpoint.save({"epoch": epoch}, tmp_path, epoch)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-000010.pt",
        "epoch-000011.pt",
    ]


def test_a_replay_keeps_what_it_writes_beside_another_attempt_s(tmp_path):
    for epoch in (6, 7, 1, 2, 3):  # a record that was away knows of none
        path = checkpoint.save({"epoch": epoch}, tmp_path, epoch)
        assert path.exists()
    assert checkpoint.load(tmp_path, epoch=3) == (3, {"epoch": 3})
    assert checkpoint.load(tmp_path, epoch=2) == (2, {"epoch": 2})


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_newest_falls_back_to_the_one_before(tmp_path, damage):
    checkpoint.save({"epoch": 1}, tmp_path, 1)
    newest = checkpoint.save({"epoch": 2}, tmp_path, 2)
    content = bytearray(newest.read_bytes())
    content[-20] ^= 1
    newest.write_bytes({"cut": content[:-7], "altered": content, "empty": b""}[damage])
    assert checkpoint.load(tmp_path) == (1, {"epoch": 1})


def test_one_that_is_newer_than_asked_for_is_left_alone(tmp_path):
    checkpoint.save({"epoch": 1}, tmp_path, 1)
    checkpoint.save({"epoch": 2}, tmp_path, 2)
    assert checkpoint.load(tmp_path, epoch=1) == (1, {"epoch": 1})
    assert checkpoint.load(tmp_path, epoch=0) is None


def test_nothing_to_load(tmp_path):
    assert checkpoint.load(tmp_path / "absent") is None
    (tmp_path / "epoch-000001.partial").write_bytes(b"half")
    assert checkpoint.load(tmp_path) is None


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(STATE, tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_has_left_goes_once_nobody_can_be_writing_it(tmp_path):
    old, new = tmp_path / "epoch-000001.7.partial", tmp_path / "epoch-000001.8.partial"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 3700,) * 2)
    path = checkpoint.save(STATE, tmp_path, 2)
    assert sorted(tmp_path.iterdir()) == [new, path]


def test_a_planted_file_runs_no_code(tmp_path):
    class Planted:
        def __reduce__(self):
            return (print, ("code ran",))

    planted = io.BytesIO()
    torch.save({"planted": Planted()}, planted)
    digest = hashlib.sha256(planted.getbuffer()).hexdigest().encode()
    (tmp_path / checkpoint.file_name(1)).write_bytes(digest + b"\n" + planted.getvalue())
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        checkpoint.load(tmp_path)
    with pytest.raises(ValueError, match="made of tensors, text, numbers"):
        checkpoint.save({"planted": Planted()}, tmp_path / "saved", 1)
