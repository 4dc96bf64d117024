"""A whole promotion through Ray, the record and MLflow. A killed one: test_promote_killed.py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from search.cli.main import main
from search.decisions.history import EpochEnd, Failure, Suggestion
from search.errors import StorageError, StudyLockedError, TrackingError, UnreachableError
from search.reports.promotion_result import kept_promotion
from tests.coin_task import QUESTIONS
from tests.conftest import Place
from tests.search.promotion.promoting import COIN, CONFIRMED, FINAL, PROMOTE, SEARCH, events
from tests.waiting import Stopwatch
from trainables.errors import DataError

Result = dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("promote"))
    place.together(("run", *SEARCH, "--name", "calm", "--seed", "0"))
    return place


@pytest.fixture(scope="module")
def calm(place: Place) -> Result:
    return _result(place, "calm")


@pytest.fixture(scope="module")
def peek(place: Place) -> subprocess.CompletedProcess[str]:
    """A study whose only trial looks at the test split."""
    return place.search("run", COIN, "--name", "peek", "--trials", "1", "--set", "peek=true",
                        "--no-baseline", "--quiet", "--json")  # fmt: skip


def _result(place: Place, name: str, *options: str) -> Result:
    told = place.search("promote", name, *PROMOTE, *options, "--json", "--quiet")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])


def test_the_result_has_every_field(calm):
    assert set(calm["candidate"]) >= {"trial", "config"}
    assert set(calm["search"]) == {"value", "trial"}
    assert set(calm["corrected"]) >= {"mean", "low", "high"}
    assert set(calm["fresh"]) >= {"mean", "sd", "n"}
    for split in ("validation", "test"):
        scores = calm["final"][split]
        assert set(scores) >= {"mean", "low", "high", "n"}
        assert scores["low"] < scores["mean"] < scores["high"]
    assert calm["final"]["test"]["n"] == FINAL
    assert set(calm["final"]["test"]["groups"]) == {"odd", "even"}
    assert calm["final"]["baselines"]["no"]["final_minus_this"]["beyond_noise"]
    assert calm["validation_wear"]["studies"] >= 1
    assert calm["ensemble"] is None  # yes and no are not averaged
    assert calm["alias"] == "champion"
    assert calm["test_readings"] == FINAL


def test_it_is_kept_for_the_study_s_page(place, calm):
    kept = kept_promotion(place.record.study_folder("calm"))

    assert kept.keys() == calm.keys()
    assert kept["final"]["test"] == calm["final"]["test"]


def test_it_is_corrected_downwards_and_says_the_optimism(calm):
    assert calm["corrected"]["low"] < calm["corrected"]["mean"] < calm["search"]["value"]
    found = calm["optimism"]
    assert found["by_examples"] == pytest.approx(
        calm["search"]["value"] - calm["corrected"]["mean"]
    )
    assert found["left"] == pytest.approx(found["with_rungs"] * found["kept_share"])
    assert calm["final"]["validation"]["optimism"] == found["left"]
    assert calm["fresh"]["n"] == 2
    assert calm["race"]["runs"] == calm["race"]["budget"] == CONFIRMED
    assert 0 <= calm["race"]["chance_worse"] <= 1
    assert calm["candidate"]["expected"] == max(row["expected"] for row in calm["confirmed"])
    assert calm["fresh"]["optimism"] == pytest.approx(
        calm["candidate"]["search"] - calm["fresh"]["mean"]
    )


def test_the_same_fresh_seeds_for_all_and_others_than_the_search_s(place, calm):
    searched = {e.seed for e in events(place, "calm", Suggestion)}
    confirmed = [e.seed for e in events(place, "calm.confirm", Suggestion)]
    final = [e.seed for e in events(place, "calm.final", Suggestion)]

    assert (len(confirmed), len(set(confirmed))) == (CONFIRMED, 2)
    assert (len(final), len(set(final))) == (FINAL, FINAL)
    assert not searched & {*confirmed, *final}
    assert not set(confirmed) & set(final)


def test_list_shows_the_study_alone_and_resume_sends_to_promote(place, calm, peek):
    told = place.search("list")
    assert {line.split()[0] for line in told.stdout.splitlines()} == {"calm", "peek"}

    refused = place.search("resume", "calm.confirm")
    assert refused.returncode == 2
    assert "search promote calm" in refused.stderr


def test_the_runs_are_children_of_the_study_s_run(place, calm):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{place.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("coin").experiment_id
    of_study = client.search_runs([experiment], "tags.study = 'calm'")
    [parent] = [run for run in of_study if "trial" not in run.data.tags]
    for phase, runs in (("confirm", CONFIRMED), ("final", FINAL)):
        found = client.search_runs([experiment], f"tags.study = 'calm.{phase}'")
        assert len(found) == runs
        for run in found:
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            assert run.data.tags["phase"] == phase
            assert run.data.metrics["accuracy"] > 0.5


def test_the_registered_version_says_where_it_comes_from(place, calm):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{place.folder}/mlflow.db")
    version = client.get_model_version("coin", calm["model"]["version"])

    assert version.tags["study"].startswith("calm ")
    assert json.loads(version.tags["config"])["quality"] == calm["candidate"]["config"]["quality"]
    assert {"code", "data", "versions", "metric", "split", "dataset", "model"} <= set(version.tags)
    assert json.loads(version.tags["final_test"])["mean"] == calm["final"]["test"]["mean"]


def test_once_more_is_the_same_without_training_or_reading(place, calm):
    before = [events(place, f"calm.{phase}", EpochEnd) for phase in ("confirm", "final")]
    stopwatch = Stopwatch()

    assert _result(place, "calm") == {**calm, "alias_reason": "it is already"}

    assert stopwatch.within(60)  # no Ray, no training
    assert [events(place, f"calm.{phase}", EpochEnd) for phase in ("confirm", "final")] == before


def _fails(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        TrackingError("the tracking server does not answer"),
        StorageError("the storage does not answer"),
        UnreachableError("the record does not answer"),
        OSError(28, "No space left on device"),
        StudyLockedError("calm is driven by another process"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_midway_is_a_failure_to_go_on_from(place, calm, error, monkeypatch, capsys):
    monkeypatch.chdir(place.folder)
    monkeypatch.setattr("search.promotion.registration.sync", _fails(error))

    locked = isinstance(error, StudyLockedError)  # nothing was tried
    assert main(["promote", "calm", *PROMOTE]) == (2 if locked else 1)

    out, err = capsys.readouterr()
    assert err == f"error: {error}\n"
    assert ("go on with it:    python -m search promote calm\n" in out) != locked


def test_a_lost_checkpoint_is_a_failure_to_go_on_from(place, calm, monkeypatch, capsys):
    monkeypatch.chdir(place.folder)
    kept = place.record.study_folder("calm.final") / "checkpoints"
    kept.rename(kept.with_name("elsewhere"))
    try:
        assert main(["promote", "calm", *PROMOTE]) == 1
    finally:
        kept.with_name("elsewhere").rename(kept)

    assert "is lost or damaged" in capsys.readouterr().err


def test_a_test_split_that_is_missing_is_said_before_the_training(place, calm, monkeypatch, capsys):
    monkeypatch.chdir(place.folder)
    missing = DataError("questions.csv is missing")
    monkeypatch.setattr("tests.coin_task._Data.check_test", _fails(missing), raising=False)

    assert main(["promote", "calm", *PROMOTE, "--top", "9"]) == 2  # more than was confirmed

    assert capsys.readouterr() == ("", "error: questions.csv is missing\n")


def test_the_champion_answers_at_the_command_line(place, calm, monkeypatch, capsys):
    monkeypatch.chdir(place.folder)

    assert main(["predict", COIN, "--json", "3", "5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["answer"] in (0, 1) for row in told["answers"]] == [True] * 2

    assert main(["predict", COIN, "3", "5", "--json", "--output", "o.csv"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written == {"model": told["model"], "output": "o.csv", "n": 2}


def test_evaluating_the_champion_is_no_new_reading(place, calm):
    told = place.search("predict", COIN, "--evaluate", "--json", "--model", "champion")

    assert told.returncode == 0, told.stderr
    shown = json.loads(told.stdout)
    assert shown["test"]["n"] == 2 * QUESTIONS
    assert shown["test_readings"] == FINAL
    scores = calm["final"]["test"]["scores"]
    assert shown["test"]["mean"] in [pytest.approx(score) for score in scores]


@pytest.mark.long
def test_more_runs_train_only_the_further_ones(place, calm):
    """After the others: it extends the calm promotion."""
    confirmed = events(place, "calm.confirm", Suggestion)

    told = place.search(
        *("promote", "calm", "--top", "3", "--runs", "9", "--tolerance", "1e-9"),
        *("--final-seeds", "3", "--json", "--quiet"),
    )

    assert told.returncode == 0, told.stderr
    race = json.loads(told.stdout)["race"]
    assert (race["runs"], race["budget"]) == (9, 9)
    longer = events(place, "calm.confirm", Suggestion)
    assert longer[:CONFIRMED] == confirmed
    assert len(longer) == 9


def test_a_trial_that_peeks_fails(place, peek):
    assert peek.returncode in (0, 1), peek.stderr
    [failure] = events(place, "peek", Failure)
    assert "SplitLockedError" in failure.reason


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "nobody"), "no study named 'nobody'"),
        (("promote", "calm", "--top", "0"), "top must be at least 1, got 0"),
        (("promote", "calm", "--runs", "1"), "runs must be at least 2, got 1"),
        (("promote", "calm", "--tolerance", "0"), "tolerance must be above 0, got 0"),
        (("promote", "calm", "--prefer", "fast"), "one of best, cheapest; got 'fast'"),
        (("promote", "calm", "--audit", "-1"), "audit must be at least 0, got -1"),
        (("promote", "calm", "--ensemble", "1"), "ensemble must be at least 2 members, got 1"),
        (("promote", "calm", "--ensemble"), "of task coin are int64: promote without --ensemble"),
        (("promote", "peek"), "no complete trial"),
        (("predict", COIN), "one of them"),
        (("predict", COIN, "--input", "none.csv"), "none.csv cannot be read"),
        (("predict", COIN, "--input", "list.txt"), ".csv, .parquet or .npy; got list.txt"),
        (("predict", COIN, "--input", "wrong.csv"), "missing: question, there are: a, b"),
        (("predict", COIN, "1", "--model", "99"), "models:/coin/99 cannot be loaded"),
        (("predict", "sts", "A.", "B."), "no champion named sts"),
        (("predict", "sts", "only one"), "two sentences are needed"),
        (("predict", "sts", "A.", "B.", "--tracking-uri", "./mlruns"), "tracking URI must begin"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(place, calm, peek, arguments, said, monkeypatch, capsys):
    (place.folder / "wrong.csv").write_text("a,b\n1,2\n")

    monkeypatch.chdir(place.folder)
    capsys.readouterr()

    assert main(arguments) == 2

    out, err = capsys.readouterr()
    [line] = err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert out == ""
