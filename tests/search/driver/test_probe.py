"""A task that the record or the sampler cannot take is refused before the study begins."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from search.driver.begin import probe
from search.tasks.config import StudyConfig
from tests.curve_task import TASK


def test_a_space_that_the_sampler_cannot_learn_from_is_refused():
    def powers(trial: Any) -> dict[str, Any]:
        return {"x": 2 ** -trial.suggest_int("exponent", 1, 5)}

    config = StudyConfig(name="s", task="curve", dataset="ones")

    with pytest.raises(ValueError, match=r"does not return what it draws \(.*exponent"):
        probe(dataclasses.replace(TASK, space=powers), config, TASK.data.load(Path(".")))


def test_a_hyperparameter_that_the_record_cannot_keep_is_refused():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Shaped(TASK.config):
        sizes: tuple[int, ...] = (64, 64)

    config = StudyConfig(name="s", task="curve", dataset="ones")

    with pytest.raises(ValueError, match=r"sizes is \(64, 64\): a hyperparameter is"):
        probe(dataclasses.replace(TASK, config=Shaped), config, TASK.data.load(Path(".")))
