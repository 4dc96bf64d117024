"""What was trained while the record could not be written is told again, not trained again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.driver import unrecorded
from search.files import paths
from tests.search.driver.test_trial import _alone
from trainables import checkpoint


def _trained(folder: Path) -> list[int]:
    """The epochs of trial 0 that were trained, in their order: it prints a line at each."""
    lines = paths.log_file(folder, "trial-0").read_text().splitlines()
    return [int(line.removeprefix("epoch ")) for line in lines]


def _told(results: list[dict[str, Any]]) -> list[tuple[int, dict[str, float], bool]]:
    return [(result["epoch"], result["metrics"], result["done"]) for result in results]


@pytest.mark.parametrize("recorded", [0, 1, 2])
def test_it_goes_on_from_the_newest_checkpoint_and_tells_what_the_record_lacks(
    run, tmp_path, recorded
):
    first = run(1, 3)  # the driver died, and `recorded` epochs are on record

    results = run(recorded + 1, 3)

    assert _told(results) == _told(first)[recorded:]
    assert [each["cpu_s"] for each in results] == [each["cpu_s"] for each in first[recorded:]]
    assert _trained(tmp_path) == [1, 2, 3]
    assert [each["metrics"] for each in run(4, 4)] == _alone()[3:]


def test_killed_again_while_it_tells_it_tells_all_of_them(run, tmp_path):
    run(1, 2)
    run(1, 3)

    results = run(1, 4)

    assert [each["metrics"] for each in results] == _alone()
    assert _trained(tmp_path) == [1, 2, 3, 4]


def test_the_last_epoch_is_trained_again_for_what_it_leaves(run, tmp_path):
    first = run(1, 4)
    paths.predictions_file(tmp_path, 0).unlink()  # killed between its checkpoint and these

    assert _told(run(1, 4)) == _told(first)

    assert paths.predictions_file(tmp_path, 0).exists()
    assert _trained(tmp_path) == [1, 2, 3, 4, 4]


def test_never_beyond_what_it_is_told_to_train(run):
    run(1, 3)  # by a record that was lost for an older one

    assert [each["epoch"] for each in run(1, 2)] == [1, 2]


def test_another_trial_s_checkpoints_are_not_taken(run, tmp_path):
    run(1, 3, x=0.2)  # in an older record trial 0 was another one

    assert [each["metrics"] for each in run(1, 3, x=0.9)] == _alone(x=0.9)[:3]
    assert _trained(tmp_path) == [1, 2, 3, 1, 2, 3]


def test_of_a_segment_with_too_many_numbers_nothing_is_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(unrecorded, "MOST_NUMBERS", 3)
    run(1, 3)

    assert [each["metrics"] for each in run(1, 3)] == _alone()[:3]
    assert _trained(tmp_path) == [1, 2, 3, 1, 2, 3]


def test_nobody_is_given_what_is_kept_beside_a_state(run, tmp_path):
    run(1, 2)
    folder = paths.checkpoint_folder(tmp_path, 0)

    _, state = checkpoint.load(folder)

    assert set(state) == {"epoch", "random"}
    assert [each["epoch"] for each in checkpoint.results(folder, 2)["epochs"]] == [1, 2]
    checkpoint.save({"epoch": 2}, folder, 2)
    assert checkpoint.results(folder, 2) is None
