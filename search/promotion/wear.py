"""How often was a validation split used to choose? Each choice wears it a little, as each look does
a test split.

By the record: studies that were deleted, or are on another record, are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.promotion.phases import Promotion

__all__ = ["Wear", "validation_wear"]

FALSE_BETTER = 0.025  # of comparisons of equals, by a 95% interval, are called better
WORN = 0.1


@dataclass(frozen=True)
class Wear:
    """So many studies, this one among them, have chosen a best trial by the same split."""

    studies: int

    @property
    def chance(self) -> float:
        """That of so many studies that are equally good one is called better than a champion of
        them. Assumption: comparisons err independently, which makes it the largest chance."""
        return 1 - (1 - FALSE_BETTER) ** (self.studies - 1)

    @property
    def worn(self) -> bool:
        return self.chance > WORN

    def __str__(self) -> str:
        told = f"validation split: {self.studies} studies of this record have chosen by it"
        if self.studies == 1:
            return "validation split: no other study of this record has chosen by it"
        return told + (
            f"{', it is worn' if self.worn else ''}: if all are equally good, one of them is "
            f"called better than the champion with a chance of {self.chance:.0%}"
        )


def validation_wear(promotion: Promotion) -> Wear:
    """Of the split that the promoted study chose by: same data, and a trial that was trained."""
    record = promotion.record
    others = {
        study.name
        for study in record.studies()
        if study.config.phase is None
        and study.config.dataset == promotion.study.config.dataset
        and study.origin.get("data") == promotion.prepared.hash
        and record.history(study).trained
    }
    return Wear(len(others | {promotion.study.name}))
