"""What a study will take: by earlier studies of the record, or by what is measured now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.driver.begin import prepare
from search.driver.calibration import calibrate
from search.driver.new_study import OpenStudy, asked_for
from search.driver.warm_start import warm_start
from search.errors import RecordError, UserError
from search.record.record import open_record
from search.reports.forecast import Earlier, Forecast, earlier_trials, forecast
from search.tasks.config import StudyConfig
from search.tasks.defined_here import MAIN
from search.tasks.task import Task

__all__ = ["forecast_of", "plan_study"]


def forecast_of(opened: OpenStudy, trials: int, address: str | None) -> Forecast:
    """Of a study that is about to be driven to `trials` trials; nothing is measured."""
    record, study = opened.record, opened.study
    config, history = study.config, record.history(study)
    earlier = Earlier()
    if address is None and not history.trained:
        earlier = earlier_trials(record, opened.task, config, opened.prepared.hash)
    return forecast(config, opened.task, earlier, history=history, trials=trials)


def plan_study(
    given_task: str | Task,
    *,
    studies_dir: Path,
    record_url: str | None = None,
    address: str | None = None,
    price_per_hour: float | None = None,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Forecast:
    """Of a study that might begin, with the `options` of `asked_for`; nothing is put on record.
    Raises UserError, DataError."""
    if price_per_hour is not None and not 0 <= price_per_hour < 1e6:
        raise UserError(f"--price-per-hour must be between 0 and 1e6, got {price_per_hour}")
    task, config = asked_for(given_task, address=address, say=say, **options)
    prepared = prepare(task, config)
    if config.warm_start:
        record = open_record(studies_dir, url=record_url)
        say(warm_start(record, config, task, prepared)[1])
    earlier = Earlier()
    if address is None:
        try:
            record = open_record(studies_dir, url=record_url)
            earlier = earlier_trials(record, task, config, prepared.hash)
        except RecordError:
            # There is none yet.
            earlier = Earlier()
    if not earlier.trials:
        earlier = _measured(config, prepared)
    return forecast(config, task, earlier, price_per_hour=price_per_hour)


def _measured(config: StudyConfig, prepared: Any) -> Earlier:
    if config.task.startswith(MAIN):
        return Earlier(source="of a task of a notebook or script it is not measured")
    trials = calibrate(config, prepared)
    if not trials:
        return Earlier(source="no epoch ended while it was measured")
    plural = "s" if len(trials) > 1 else ""
    return Earlier(trials=trials, source=f"{len(trials)} epoch{plural} that were measured now")
