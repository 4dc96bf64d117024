"""A promotion from its start: what can be known before any training, then all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.decisions.history import Given
from search.driver.begin import prepare
from search.driver.new_study import check_cluster, check_own_gpus
from search.driver.run import see_through
from search.driver.stop import newest_request
from search.errors import (
    EndedEarly,
    RecordError,
    StudyLockedError,
    can_be_put_right,
    first_line,
)
from search.files.storage import check_storage
from search.promotion.confirm import Prefer
from search.promotion.phases import Promotion
from search.promotion.promote import check, promote
from search.record.commands import command
from search.record.record import Record, Study
from search.reports.promotion_result import keep_promotion
from search.tasks.provenance import changes, depends_on
from search.tasks.task import Task
from search.tracking.addresses import check_server
from search.tracking.projection import show_anew

if TYPE_CHECKING:
    from search.models.predict import OpenedModel

__all__ = ["Promoted", "promote_study"]


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """What a promotion has come to."""

    # As `promote --json` prints it (search/promotion/README.md).
    result: Mapping[str, Any]
    task: Task
    tracking_uri: str

    @property
    def model(self) -> OpenedModel:
        """The registered version, loaded from the registry. Raises RegistryError."""
        from search.models.predict import open_model

        return open_model(self.tracking_uri, self.task, str(self.result["model"]["version"]))

    def __repr__(self) -> str:
        model, alias = self.result["model"], self.result["alias"]
        return f"<search.Promoted {model['name']} version {model['version']}, {alias}>"


def promote_study(
    record: Record,
    study: Study,
    task: Task,
    *,
    top: int,
    runs: int,
    tolerance: float | None,
    prefer: Prefer,
    final_seeds: int,
    audit: int,
    ensemble: int,
    force: bool,
    accept_changes: bool,
    address: str | None,
    quiet: bool,
    say: Callable[[str], None],
) -> Promoted:
    """Check all that can be known before, then confirm, choose, train, test once, register.

    Raises UserError, DataError; EndedEarly, KeyboardInterrupt midway, after which the same call
    goes on.
    """
    if study.config.parent is not None:
        raise RecordError(
            f"{study.name} is part of a promotion: "
            f"`{command(record, f'promote {study.config.parent}')}`"
        )
    if record.driven(study.name):
        raise RecordError(
            f"study {study.name} is running: wait for it, or "
            f"`{command(record, f'stop {study.name}')}`"
        )
    check_own_gpus(study.config, address)
    check_server(study.config.tracking_uri)
    check_storage(study.config.storage)
    prepared = prepare(task, study.config)
    promotion = Promotion(
        record=record,
        study=study,
        task=task,
        prepared=prepared,
        top=top,
        runs=runs,
        tolerance=tolerance,
        prefer=prefer,
        final_seeds=final_seeds,
        audit=audit,
        ensemble=ensemble,
        force=force,
        obeyed=newest_request(record, study),
    )
    was = record.history(study).depends_on or study.origin
    differing = changes(
        was, depends_on(task, prepared, study.config.task, study.config.own_modules)
    )
    if differing and not accept_changes:
        raise RecordError(
            f"study {study.name} was searched with other versions ({'; '.join(differing)}): its "
            "trials may not compare; promote all the same with --accept-changes"
        )
    check(promotion)
    check_cluster(study.config, address, task, prepared, record.folder)

    def drive(phase: Study, given: Given, trials: int) -> None:
        see_through(
            record,
            phase,
            task,
            prepared,
            trials=trials,
            given=given,
            address=address,
            quiet=quiet,
            say=say,
            obeyed=promotion.obeyed,
            # Promotion does, before it registers.
            await_delivery=False,
        )

    try:
        result = promote(promotion, drive, say)
    except (ValueError, OSError) as error:
        if isinstance(error, EndedEarly | StudyLockedError) or not can_be_put_right(error):
            raise
        # What was asked for was sound: something else failed, and the same call goes on.
        raise EndedEarly("failed", first_line(error)) from error
    with contextlib.suppress(OSError):
        # For who looks: what counts is on record and in the registry.
        keep_promotion(record.study_folder(study.name), result)
    show_anew(record, study, task, "of its promotion", say)
    return Promoted(result=result, task=task, tracking_uri=study.config.tracking_uri)
