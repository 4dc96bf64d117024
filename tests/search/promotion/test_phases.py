"""A promotion's phases as studies of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.driver.stop import newest_request, request_stop
from search.errors import EndedEarly
from search.promotion.phases import Promotion, run_phase, wanted_run
from search.record.record import open_record
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import session
from trainables.data import Prepared


def test_a_stop_between_two_phases_ends_the_promotion_before_the_next(tmp_path: Path):
    record = open_record(tmp_path, create=True)
    config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones")
    study = record.create(config, {"baselines": {}})
    record.append(study, session("started"), session("finished"))
    record.requests.add(study, "stop now")  # of an earlier promotion, which has obeyed
    promotion = Promotion(
        record=record,
        study=study,
        task=TASK,
        prepared=Prepared(folder=Path(), hash=""),
        obeyed=newest_request(record, study),
    )
    driven: list[str] = []

    def drive(phase: Any, given: Any, trials: int) -> None:
        driven.append(phase.name)
        record.append(phase, session("started"), session("finished"))

    run_phase(promotion, "confirm", lambda *_: [wanted_run(0, {"x": 0.5}, 7)], drive)
    assert request_stop(record, study, now=False) == "s"
    with pytest.raises(EndedEarly, match="asked to stop") as told:
        run_phase(promotion, "final", lambda *_: [wanted_run(0, {"x": 0.5}, 8)], drive)

    assert told.value.outcome == "stopped"
    assert driven == ["s.confirm"]
