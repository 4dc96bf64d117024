"""How often was a validation split used to choose? Each choice wears it a little, as each look does
a test split.

Counted are the studies that have chosen a best trial by it: those on this record, those that were
deleted from it (its ledger knows them), and those whose models are in the registry; and the models
that were held against a champion by it. Of a study that is on another record and was never
promoted nothing is known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.models.registry import registered_on
from search.promotion.phases import Promotion
from search.record.ledger import CHOSEN, COMPARED, validation_split

__all__ = ["Wear", "validation_wear"]

FALSE_BETTER = 0.025  # of comparisons of equals, by a 95% interval, are called better
WORN = 0.1


@dataclass(frozen=True)
class Wear:
    """So many studies, this one among them, have chosen a best trial by the same split."""

    studies: int
    elsewhere: int = 0  # of these: deleted, or on another record
    compared: int = 1  # models that were held against a champion, or were the first

    @property
    def chance(self) -> float:
        """That of so many equals one is called better than a champion of them. Each study counts,
        since one is chosen to be promoted; or each model, where these are more. Assumption:
        comparisons err independently, which makes it the largest chance."""
        return 1 - (1 - FALSE_BETTER) ** (max(self.studies, self.compared) - 1)

    @property
    def worn(self) -> bool:
        return self.chance > WORN

    def __str__(self) -> str:
        if self.studies == self.compared == 1:
            return "validation split: no other study has chosen by it, as far as is known here"
        there = f" ({self.elsewhere} of them deleted or on another record)"
        return (
            f"validation split: {_count(self.studies, 'study has', 'studies have')} chosen by it"
            f"{there if self.elsewhere else ''}, "
            f"{_count(self.compared, 'model was', 'models were')} compared by it"
            f"{', it is worn' if self.worn else ''}: if all are equally good, one of them is "
            f"called better than the champion with a chance of {self.chance:.0%}"
        )


def validation_wear(promotion: Promotion) -> Wear:
    """Of the split that the promoted study chose by: same data, and a trial that was trained.
    Raises RegistryError."""
    record, config = promotion.record, promotion.study.config
    here = {
        study.ledger_name
        for study in record.studies()
        if study.config.parent is None
        and study.config.dataset == config.dataset
        and study.origin.get("data") == promotion.prepared.hash
        and record.history(study).trained
    }
    here.add(promotion.study.ledger_name)
    split = validation_split(config.dataset, promotion.prepared.hash)
    registered = registered_on(
        config.tracking_uri,
        promotion.task.name,
        {"data": promotion.prepared.hash, "dataset": config.dataset, "split": "validation"},
    )
    elsewhere = {row["study"] for row in record.ledger.rows(split, CHOSEN)}
    elsewhere |= {tags["study"] for tags in registered if "study" in tags}
    compared = {row["model_hash"] for row in record.ledger.rows(split, COMPARED)}
    compared |= {tags["model"] for tags in registered if "model" in tags}
    return Wear(
        studies=len(here | elsewhere),
        elsewhere=len(elsewhere - here),
        compared=max(len(compared), 1),
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
