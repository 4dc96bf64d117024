"""A tenth of the list of tries, some of each kind; `python -m tests.misuse` tries all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.misuse.carry_out import carry_out
from tests.misuse.kinds import KINDS, all_tries
from tests.misuse.sample import sample
from tests.misuse.tries import Try

DRAWN = sample(all_tries(), 0.1, seed=0)


@pytest.mark.parametrize("one", [one for _, one in DRAWN], ids=[one.name for _, one in DRAWN])
def test_ends_as_it_should(one: Try, tmp_path: Path) -> None:
    assert [finding.what for finding in carry_out(one, tmp_path)] == []


def test_the_list_is_long_and_of_many_kinds() -> None:
    tries = all_tries()
    assert len({one.name for _, one in tries}) == len(tries) >= 150
    assert {kind for kind, _ in DRAWN} == set(KINDS)
