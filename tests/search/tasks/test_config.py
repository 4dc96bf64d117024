"""Every bound of a study is checked before anything is started."""

import dataclasses
import json

import pytest

from search.tasks.config import StudyConfig


def _config(**options):
    return StudyConfig(**{"name": "s", "task": "sts", "dataset": "stsb", **options})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("trials", 0, "trials must be at least 1, got 0"),
        ("min_epochs", 0, "min_epochs must be at least 1, got 0"),
        ("reduction_factor", 1, "reduction_factor must be at least 2, got 1"),
        ("seed", -1, "seed must be at least 0, got -1"),
        ("seed", 2**63, "seed must be at most 9223372036854775807, got 9223372036854775808"),
        ("workers", 0, "workers must be at least 1, got 0"),
        ("cpus_per_trial", 0, "cpus_per_trial must be at least 1, got 0"),
        ("max_epochs", 0, r"max_epochs must be at least min_epochs \(1\), got 0"),
        ("gpus_per_trial", -0.5, "gpus_per_trial must be .* got -0.5"),
        ("gpus_per_trial", 1.5, "gpus_per_trial must be .* got 1.5"),
        ("gpus_per_trial", float("nan"), "gpus_per_trial must be .* got nan"),
        ("gpus_per_trial", float("inf"), "gpus_per_trial must be .* got inf"),
        (
            "sampler",
            "grid",
            "sampler must be one of tpe, random, or your own as module:FUNCTION; got grid",
        ),
        (
            "scheduler",
            "median",
            "scheduler must be one of asha, asha-published, hyperband, none, or your own",
        ),
    ],
)
def test_a_value_out_of_range_says_the_value_and_the_rule(option, value, message):
    with pytest.raises(ValueError, match=message):
        _config(**{option: value})


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a b", "x" * 101, "é", "a\n"])
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(ValueError, match="study's name"):
        _config(name=name)


@pytest.mark.parametrize("name", ["a", "sts-20260101-101010", "A.b_c-9", "0", "x" * 100])
def test_a_plain_name_is_taken(name):
    assert _config(name=name).name == name


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 2.0])
def test_gpus_are_none_a_share_or_whole(gpus):
    assert _config(gpus_per_trial=gpus).gpus_per_trial == gpus


def test_cores_are_those_of_all_workers():
    assert _config(workers=3, cpus_per_trial=2).cores == 6


def test_a_config_survives_json():
    config = _config(fixed={"x": 0.5, "kind": "plain", "layers": 2, "norm": True})

    assert StudyConfig(**json.loads(json.dumps(config.as_dict()))) == config


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _config().trials = 3
