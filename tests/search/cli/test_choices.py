"""What a user chooses about a search, as it is typed, on real runs."""

from __future__ import annotations

from tests.conftest import Place

RUN = ("run", "tests.curve_task:TASK", "--workers", "1", "--max-epochs", "3", "--quiet")


def test_a_budget_own_functions_and_a_start_from_before(place: Place) -> None:
    own = "--budget-epochs 21 --sampler tests.own_rules:near_the_best --scheduler hyperband"
    first = place.search(*RUN, "--name", "old", *own.split())

    assert first.returncode == 0, first.stderr
    old = place.record.study("old")
    history = place.record.history(old)
    assert 21 - 3 < history.epochs <= 21
    assert len(history.trials) == old.config.trials
    assert history.trials[-1].suggestion.source == "tests.own_rules:near_the_best"
    assert history.last_session is not None
    assert history.depends_on is not None
    assert "tests.own_rules" in history.depends_on["files"]

    flat = "--max-epochs 1 --no-baseline --scheduler none --sampler random --trials 80"
    known = "--set x=0.7 --set kind=plain --points default --point-seeds 6"
    options = f"{flat} {known} --stop-when-no-gain --warm-start old".split()
    again = place.search(*RUN, "--name", "new", *options)

    assert again.returncode == 0, again.stderr
    assert "study new (tests.curve_task:TASK): finished, no gain: 32 further" in again.stdout
    study = place.record.study("new")
    begun = place.record.history(study).trials
    assert 30 <= len(begun) < 80
    assert begun[6].suggestion.source.endswith(" of old")
    assert (
        "best 5 of study old (not the same: max_epochs) are tried first"
        in place.search("plan", *RUN[1:-1], *options).stdout
    )
