"""The real MLflow registry: who is champion, and what is kept of each version."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from search.models import registry
from tests.mlflow_server import MlflowServer
from tests.search.models.registering import LABELS, decide, register, three_runs
from trainables.sts import predict


def test_the_champion_gives_way_to_a_better_one_only(uri, model):
    """First, equal, better, worse, and better on other data; the last one by force."""
    told = []
    for number, (quality, data, force) in enumerate(
        [
            (0.70, "d", False),
            (0.71, "d", False),
            (0.80, "d", False),
            (0.60, "d", False),
            (0.95, "other", False),
            (0.96, "other", True),
        ]
    ):
        validation = three_runs(quality, 100 * number)
        version = register(uri, "coin", model, validation, hash=f"h{number}", data=data)
        told.append(decide(uri, "coin", version, validation, force))

    assert [decision.version for decision in told] == ["1", "2", "3", "4", "5", "6"]
    assert [decision.alias for decision in told] == [
        *("champion", "challenger", "champion", "challenger", "challenger", "champion")
    ]
    assert "there was none" in told[0].why
    assert "not better beyond the noise" in told[1].why
    assert "from champion 1, better beyond the noise" in told[2].why
    assert "from champion 3, not better" in told[3].why
    assert "champion 3 was measured on another data" in told[4].why
    assert told[5].why.startswith("forced, though champion 3 was measured on another data")
    client = mlflow.MlflowClient(uri)
    assert str(client.get_model_version_by_alias("coin", "champion").version) == "6"
    assert str(client.get_model_version_by_alias("coin", "challenger").version) == "5"
    assert client.get_model_version("coin", "6").tags["forced"] == "true"
    assert client.get_model_version("coin", "2").tags["alias_reason"] == told[1].why


def test_how_much_better_it_only_looks_is_taken_off_and_remembered(uri, model):
    """Better by .1 of which .1 is optimism; the next looks as much better, so that it cancels."""
    told = []
    for number, (quality, optimism) in enumerate([(0.70, 0.0), (0.80, 0.1), (0.80, 0.0)]):
        validation = three_runs(quality, 100 * number)
        version = register(uri, "rosy", model, validation, hash=f"h{number}")
        told.append(decide(uri, "rosy", version, validation, optimism=optimism))

    assert [decision.alias for decision in told] == ["champion", "challenger", "champion"]
    assert "corrected for the choice by these examples" in told[1].why
    assert mlflow.MlflowClient(uri).get_model_version("rosy", "2").tags["optimism"] == "0.1"


def test_an_ensemble_is_compared_by_its_members_mean(uri, model):
    told = []
    for number, (quality, weights) in enumerate([(0.7, None), (0.9, [1, 1, 2]), (0.7, None)]):
        validation = three_runs(quality, 100 * number).astype(np.float32)
        version = register(uri, "many", model, validation, weights, hash=f"h{number}")
        told.append(decide(uri, "many", version, validation, weights=weights))
    client = mlflow.MlflowClient(uri)

    assert [decision.alias for decision in told] == ["champion", "champion", "challenger"]
    assert registry.weights_of(client.get_model_version("many", "2").tags) == [1, 1, 2]
    kept = registry.validation_predictions(client, client.get_model_version("many", "2"))
    assert kept.shape == (3, len(LABELS))


def test_a_single_seed_takes_no_champion_s_place(uri, model):
    told = []
    for quality in (0.6, 0.9):
        validation = three_runs(quality, 0)[:1]
        version = register(uri, "lone", model, validation, hash=f"h{quality}")
        told.append(decide(uri, "lone", version, validation))

    assert [decision.alias for decision in told] == ["champion", "challenger"]
    assert "[unknown] from champion 1, the noise unknown" in told[1].why


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("lost", ["file", "run"])
def test_a_champion_whose_predictions_are_lost_blocks_nobody(uri, model, lost, force):
    name = f"lost {lost} {force}"
    told = []
    for quality in (0.6, 0.9):
        validation = three_runs(quality, 0)
        version = register(uri, name, model, validation, hash=f"h{quality}")
        told.append(decide(uri, name, version, validation, force and version == "2"))
        if lost == "run":
            _drop_run(uri, name, version)
        else:
            _predictions(uri, name, version).unlink()

    assert [decision.alias for decision in told] == [
        *("champion", "champion" if force else "challenger")
    ]
    assert "the predictions of champion 1 cannot be read (" in told[1].why
    assert told[1].why.startswith("forced, though ") == force


def _predictions(uri: str, name: str, version: str) -> Path:
    """The file of a version's validation predictions, where the store keeps it."""
    client = mlflow.MlflowClient(uri)
    run = client.get_run(client.get_model_version(name, version).run_id)
    return Path(run.info.artifact_uri, "promotion", "validation.npy")


def _drop_run(uri: str, name: str, version: str) -> None:
    """As `mlflow gc` drops a run that was deleted."""
    client = mlflow.MlflowClient(uri)
    run_id = client.get_model_version(name, version).run_id
    client.delete_run(run_id)
    with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        for table in ("tags", "latest_metrics", "metrics", "params", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))


def test_an_alias_is_the_version_it_stands_for(uri, model):
    version = register(uri, "aliased", model, three_runs(0.7, 0))
    mlflow.MlflowClient(uri).set_registered_model_alias("aliased", "mine", version)

    for name in ("mine", "models:/aliased@mine", "1", "models:/aliased/1"):
        assert registry.find_model(uri, "aliased", name) == "models:/aliased/1"
    with pytest.raises(registry.RegistryError, match="no model aliased@yours"):
        registry.find_model(uri, "aliased", "yours")


def test_a_server_keeps_the_registry_as_well(model, tmp_path):
    server = MlflowServer(tmp_path)
    server.start()
    try:
        told = []
        for number, quality in enumerate((0.60, 0.85)):
            validation = three_runs(quality, 100 * number)
            version = register(server.uri, "served", model, validation, hash=f"h{number}")
            told.append(decide(server.uri, "served", version, validation).alias)
        assert told == ["champion", "champion"]
        asked = pd.DataFrame(predict.example())
        scores = mlflow.pyfunc.load_model("models:/served@champion").predict(asked)["score"]
        np.testing.assert_allclose(
            scores, predict.load(model).predict(predict.example()), atol=1e-4
        )
    finally:
        server.stop()
        mlflow.set_tracking_uri(None)


def test_the_same_weights_of_the_same_study_are_registered_once(uri, model):
    validation = three_runs(0.7, 0)

    first = register(uri, "once", model, validation)
    again = register(uri, "once", model, validation)
    other = register(uri, "once", model, validation, study="t 2.0")

    assert (first, again, other) == ("1", "1", "2")


def test_why_a_champion_became_one_stays_with_it(uri, model):
    client = mlflow.MlflowClient(uri)
    for quality in (0.9, 0.6):
        validation = three_runs(quality, 0)
        version = register(uri, "stays", model, validation, hash=f"h{quality}")
        decide(uri, "stays", version, validation)
    assert str(client.get_model_version_by_alias("stays", "challenger").version) == "2"

    forced = decide(uri, "stays", "2", validation, force=True)
    again = decide(uri, "stays", "2", validation)

    assert again.why == "it is already"
    version = client.get_model_version("stays", "2")
    assert version.tags["alias_reason"] == forced.why
    assert version.aliases == ["champion"]  # and challenger no longer


def test_more_seeds_of_the_same_weights_are_kept_beside_them(uri, model):
    client, runs = mlflow.MlflowClient(uri), three_runs(0.7, 0)

    for seeds, kept in ((2, 2), (3, 3), (1, 3)):
        register(uri, "longer", model, runs[:seeds], final=str(seeds))
        np.testing.assert_array_equal(np.load(_predictions(uri, "longer", "1")), runs[:kept])
        assert client.get_model_version("longer", "1").tags["final"] == str(kept)
    _predictions(uri, "longer", "1").unlink()
    register(uri, "longer", model, runs)
    assert _predictions(uri, "longer", "1").exists()
    _drop_run(uri, "longer", "1")
    assert register(uri, "longer", model, runs) == "1"


def test_no_champion_is_said(uri):
    with pytest.raises(registry.RegistryError, match=r"no champion named nobody in .*promote"):
        registry.find_model(uri, "nobody", None)


def test_a_database_that_is_none_is_said(tmp_path):
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + 100 * b"x")

    with pytest.raises(registry.RegistryError, match=r"does not answer: .*not a database"):
        registry.find_model(f"sqlite:///{tmp_path}/torn.db", "sts", None)
