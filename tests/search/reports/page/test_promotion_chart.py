"""What the page says once its winner was trained again."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from search.decisions.audit import source_of
from search.record.record import Record, open_record
from search.reports.page.answers import answers
from search.reports.page.facts import Facts, gather
from search.reports.page.promotion import fresh_scores, promotion
from search.reports.page.rungs import rungs
from search.reports.promotion_result import keep_promotion, kept_promotion
from search.reports.recorded_task import shown_task
from search.tasks.config import StudyConfig
from tests.search.reports.page.simulated import CURVE, simulated
from tests.search.studies import epoch, segment, session, suggestion

FRESH, OTHER, FINAL = [0.79, 0.78, 0.77], [0.76, 0.75], [0.785, 0.775]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def _facts(record: Record) -> Facts:
    study = record.study("made")
    return gather(record, study, shown_task(record, study))


def _promoted(record: Record) -> Facts:
    """The best was run again three and two times, the second two times, a stopped trial once."""
    simulated(record, trials=30, predictions=False)
    facts = _facts(record)
    best, second = (f"trial {trial.number}" for trial in facts.complete[:2])
    stopped = facts.of_state("pruned")[0].number
    _phase(record, "confirm", [(best, s) for s in FRESH] + [(second, s) for s in OTHER])
    _phase(record, "final", [(best, s) for s in FINAL] + [(source_of(stopped), 0.7)])
    return _facts(record)


def _phase(record: Record, phase: str, runs: list[tuple[str, float]]) -> None:
    config = StudyConfig(
        name=f"made.{phase}",
        task=CURVE,
        dataset="ones",
        max_epochs=1,
        phase=phase,  # type: ignore[arg-type]
        parent="made",
        baseline=False,
    )
    study = record.create(config, {"baselines": {}})
    record.append(study, session("started", len(runs)))
    for number, (source, score) in enumerate(runs):
        run = [suggestion(number, source), segment(number, 1, 1), epoch(number, 1, score)]
        record.append(study, *run)
    record.append(study, session("finished", len(runs)))


def test_the_search_s_score_stands_beside_that_of_fresh_seeds(record: Record) -> None:
    facts = _promoted(record)
    assert facts.best is not None
    mean = statistics.fmean(FRESH + FINAL)
    searched = facts.value(facts.best)

    chart = promotion(facts, fresh_scores(facts))

    assert chart is not None
    assert f"On 5 fresh seeds trial {facts.best.number} scores {mean:.4f} [" in chart.caption
    assert f"the search showed it {searched - mean:.2g} better than that" in chart.caption
    second = facts.value(facts.complete[1]) - statistics.fmean(OTHER)
    average = statistics.fmean([searched - mean, second])
    assert f"the search was {average:.2g} too optimistic on average" in chart.caption
    assert chart.table is not None
    assert [row[3] for row in chart.table.rows] == ["5", "2"]


def test_page_one_tells_of_fresh_seeds_and_asks_for_no_promotion(record: Record) -> None:
    facts = _promoted(record)

    [_, real, _, then] = answers(facts)

    assert real.sentences[0].startswith("On 5 fresh seeds trial ")
    assert not any("unknown until" in sentence for sentence in real.sentences)
    assert not any("promote" in command for command in (*real.commands, *then.commands))


def test_the_audit_of_stopped_trials_says_whether_one_would_have_won(record: Record) -> None:
    facts = _promoted(record)
    assert facts.best is not None
    stopped = [t for t in facts.of_state("pruned") if t.number > 1]
    behind = facts.value(facts.best) - 0.7

    chart = rungs(facts)

    assert chart is not None
    assert (
        f"An audit trained 1 of the {len(stopped)} stopped trials to the end: none ended better "
        f"than the winner, the nearest {behind:.2g} behind." in chart.caption
    )


def test_what_a_promotion_has_found_is_kept_and_shown(record: Record) -> None:
    facts = _promoted(record)
    score = {"mean": 0.91, "low": 0.9, "high": 0.92, "n": 2}
    gap = {"mean": 0.4, "low": 0.3, "high": 0.5, "beyond_noise": True}
    keep_promotion(
        facts.folder,
        {
            "candidate": {"trial": facts.complete[0].number},
            "corrected": score,
            "final": {
                "validation": score,
                "test": {**score, "groups": {"<b>": {"mean": 0.9, "n": 10}}},
                "baselines": {"zero": {"value": 0.5, "final_minus_this": gap}},
            },
        },
    )

    chart = promotion(facts, fresh_scores(facts))

    assert chart is not None
    assert "On the test split trial" in chart.caption
    assert "scores 0.9100 [0.9000, 0.9200], 2 runs" in chart.caption
    assert list(chart.more) == ["Final runs", "On the test split", "By group of test examples"]
    assert chart.more["On the test split"].rows == [["zero", "0.5", "+0.4000 [+0.3000, +0.5000]"]]


@pytest.mark.parametrize("content", ["", "[]", '{"final": 3}', '{"final": {"test": []}}'])
def test_a_file_that_is_none_of_ours_adds_nothing(record: Record, content: str) -> None:
    facts = _promoted(record)
    facts.folder.mkdir(exist_ok=True)
    (facts.folder / "promotion.json").write_text(content)

    chart = promotion(facts, fresh_scores(facts))

    assert chart is not None
    assert chart.more == {}
    assert "test split" not in chart.caption


def test_without_a_promotion_there_is_no_chart(record: Record) -> None:
    simulated(record, trials=5, predictions=False)

    assert promotion(_facts(record), fresh_scores(_facts(record))) is None
    assert kept_promotion(record.study_folder("made")) == {}
