"""What a study costs is known before it starts."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.decisions import plan
from search.tasks.config import StudyConfig
from tests.search.studies import epoch, failure, history, scored, segment
from trainables import checkpoint

LADDER = [1, 3, 9]


@pytest.mark.parametrize(
    ("min_epochs", "max_epochs", "factor", "expected"),
    [
        (1, 9, 3, [1, 3, 9]),
        (1, 243, 3, [1, 3, 9, 27, 81, 243]),
        (1, 1000, 10, [1, 10, 100, 1000]),
        (1, 1, 3, [1]),
        (5, 5, 2, [5]),
        (1, 10, 3, [1, 3, 9, 10]),
        (2, 9, 3, [2, 6, 9]),
        (2, 18, 3, [2, 6, 18]),
        (4, 5, 3, [4, 5]),
        (1, 8, 2, [1, 2, 4, 8]),
        (3, 7, 100, [3, 7]),
    ],
)
def test_rungs_are_exact(min_epochs, max_epochs, factor, expected):
    assert plan.rungs(min_epochs, max_epochs, factor) == expected


@given(st.integers(1, 50), st.integers(0, 5000), st.integers(2, 20))
def test_rungs_climb_by_the_factor_and_end_at_full_length(min_epochs, more, factor):
    ladder = plan.rungs(min_epochs, min_epochs + more, factor)

    assert ladder[0] == min_epochs
    assert ladder[-1] == min_epochs + more
    assert all(low < high for low, high in itertools.pairwise(ladder))
    assert all(low * factor == high for low, high in itertools.pairwise(ladder[:-1]))


@pytest.mark.parametrize(
    ("trials", "baselines", "ladder", "factor", "scheduler", "expected"),
    [
        (64, 0, [1, 3, 9], 3, "asha", 64 + 21 * 2 + 7 * 6),  # 148
        (64, 2, [1, 3, 9], 3, "asha", 2 * 9 + 62 + 20 * 2 + 6 * 6),  # 156
        (64, 0, [1, 3, 9], 3, "asha-published", 64 * 9),
        (64, 2, [1, 3, 9], 3, "none", 64 * 9),
        (2, 2, [1, 3, 9], 3, "asha", 18),
        (1, 0, [1, 3, 9], 3, "asha", 9),
        # No one advances by a place: the better one goes on to the end.
        (2, 0, [1, 3, 9], 3, "asha", 2 + 8),
        (3, 0, [1, 3, 9], 3, "asha", 3 + 2 + 6),
        (10, 0, [4], 2, "asha", 40),  # one rung: nothing to compare before the end
        (9, 0, [1, 3, 9, 10], 3, "asha", 9 + 3 * 2 + 1 * 6 + 1),
        (11, 2, [1, 3, 9, 10], 3, "asha", 20 + 9 + 3 * 2 + 1 * 6),  # two are complete
    ],
)
def test_most_epochs_against_written_out_numbers(
    trials, baselines, ladder, factor, scheduler, expected
):
    assert plan.most_epochs(trials, baselines, ladder, factor, scheduler) == expected


def test_the_horizon_of_the_main_job_is_148_epochs_without_named_points():
    assert plan.most_epochs_of(_config(), 64, 0) == 148


def test_named_points_beyond_the_study_s_length_cost_nothing():
    assert plan.most_epochs_of(_config(trials=1), 1, 2) == 9


def test_what_a_failed_trial_has_trained_beyond_its_first_rung_comes_on_top():
    started = scored({9: 0.1}, {1: 0.5}, {1: 0.6}, {1: 0.7})
    past = history([*started, segment(3, 2, 3), epoch(3, 2, 0.7), failure(3, 3)])

    assert plan.lost_epochs(past, 1, LADDER) == 1  # its second epoch
    assert plan.most_epochs_of(_config(), 4, 1, past) == plan.most_epochs_of(_config(), 4, 1) + 1
    past = history([*scored({3: 0.1}, {1: 0.5}), segment(0, 4, 9), failure(0, 4)])
    assert plan.lost_epochs(past, 1, LADDER) == 3  # of a named point, all


def test_the_plan_says_trials_epochs_and_rungs():
    text = plan.describe(_config(), 64, 2)

    assert "64 trials of sts on stsb, 2 at a time" in text
    assert "at most 156 epochs if no trial fails" in text
    assert "rungs at epochs 1, 3, 9" in text
    assert "2 named points" in text


def _config(**options):
    return StudyConfig(**{"name": "s", "task": "sts", "dataset": "stsb", "workers": 2, **options})


def test_the_disk_that_checkpoints_may_take_is_said():
    config = StudyConfig(name="s", task="t", dataset="d", trials=64)

    assert plan.disk_gib(64, 34.0) == 4.25  # of each trial two
    assert plan.describe(config, 64, 2, 34.0).endswith("in full), 4.2 GiB of checkpoints")
    assert plan.describe(config, 64, 2).endswith("in full)")
    sooner = dataclasses.replace(config, stop_when_no_gain=True)
    assert plan.describe(sooner, 64, 2).endswith("in full); sooner where more would bring no gain")
    assert plan.CHECKPOINTS_KEPT == checkpoint.KEPT
