"""What is known from before, as the record keeps it and as the sampler is shown it."""

from __future__ import annotations

import json
import random
from typing import Any

from search.decisions import sampler
from search.decisions.history import History
from search.decisions.kinds import Kinds
from search.decisions.warm_start import Known, WarmStart, warm_start_of
from tests.curve_task import space
from tests.search.decisions.test_sampler import quality
from tests.search.studies import epoch, history, segment, session, suggestion

DRAWN = random.Random(1)
KNOWN = [
    Known(config=config, value=None if config["x"] < 0.1 else quality(config))
    for config in ({"x": DRAWN.random(), "kind": "plain"} for _ in range(40))
]


def suggest(number: int, past: History, known: list[Any], kind: str = "tpe") -> dict[str, Any]:
    ranked = sampler.rank_trials(past, lambda trial: trial.value("score"))
    return sampler.suggest(number, ranked, space=space, fixed={}, sampler=kind, seed=0, known=known)


def test_the_record_gives_back_what_was_taken():
    taken = WarmStart(known=KNOWN, first={"trial 3 of old": {"x": 0.1 + 0.2, "kind": "plain"}})

    back = warm_start_of(json.loads(json.dumps({"code": "c", **taken.as_origin()})))

    assert back == taken
    assert warm_start_of({"code": "c"}) == WarmStart()


def test_the_first_proposals_are_near_what_was_best_before():
    known = WarmStart(known=KNOWN).trials("score")
    learned = [abs(suggest(n, History(), known)["x"] - 0.7) for n in range(20)]
    without = [abs(suggest(n, History(), [])["x"] - 0.7) for n in range(20)]

    assert sum(learned) < 0.5 * sum(without)
    assert suggest(3, History(), known, "random") == suggest(3, History(), [], "random")


def test_trials_of_before_and_own_ones_are_told_apart_and_a_failed_one_is_the_worst():
    own = history([session("started"), suggestion(0, x=0.5, kind="plain"), segment(0, 1, 1),
                   epoch(0, 1, -3.0)])  # fmt: skip
    known = WarmStart(known=KNOWN).trials("score")

    shown = sampler.mirror(
        [*known, *own.trials],
        space=space,
        fixed={},
        value=lambda trial: trial.value("score"),
        kinds=Kinds(),
    )

    assert [trial.number for trial in shown] == [*range(-40, 0), 1]
    failed = [trial for trial, was in zip(shown, KNOWN, strict=False) if was.value is None]
    assert failed
    assert {trial.value for trial in failed} == {-3.0}
