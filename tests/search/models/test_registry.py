"""The real MLflow registry: who is champion, and what a registered model answers, over HTTP too."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from search.models import registry
from search.models.predict import open_model
from search.tasks.registry import find_task
from tests.coin_task import DATA, QUESTIONS, answers, truth
from tests.mlflow_server import MlflowServer
from tests.waiting import wait_until
from trainables.sts import Config, predict
from trainables.sts import data as sts_data
from trainables.sts.train import train

QUESTIONS_ASKED = np.arange(QUESTIONS)
LABELS = truth(QUESTIONS_ASKED)
TAGS = {"study": "s 1.0", "data": "d", "split": "validation", "metric": "accuracy"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store of its own, in the working folder, as `sqlite:///mlflow.db` is."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEARCH_CACHE_DIR", str(folder / "cache"))
        yield f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def model(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = sts_data.load(sts_data.prepare("toy", None).folder)
    config = Config(hidden=16, dimension=64)
    last = next(train(config, data, seed=1, max_epochs=1))
    folder = tmp_path_factory.mktemp("model")
    predict.export(config, data, last.state(), folder)
    return folder


def _runs(quality: float, first_seed: int) -> np.ndarray:
    seeds = range(first_seed, first_seed + 3)
    return np.stack([answers(QUESTIONS_ASKED, quality, seed) for seed in seeds])


def _register(uri: str, name: str, model: Path, validation: np.ndarray, **tags: str) -> str:
    client = mlflow.MlflowClient(uri)
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    example = predict.example()
    return registry.register(
        uri,
        name,
        experiment=name,
        run_id=client.create_run(experiment).info.run_id,
        model=model,
        model_hash=tags.get("hash", "h"),
        example=example,
        answer=predict.load(model).answer(example),
        validation=validation,
        requirements=[f"mlflow=={mlflow.__version__}"],
        tags={**TAGS, **tags},
    )


def _decide(uri: str, name: str, version: str, validation: np.ndarray, force: bool = False) -> Any:
    return registry.decide_alias(
        uri,
        name,
        version,
        objective=DATA.objective,
        labels=LABELS,
        validation=validation,
        metric="accuracy",
        sign=1,
        seed=0,
        force=force,
    )


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
        validation = _runs(quality, 100 * number)
        version = _register(uri, "coin", model, validation, hash=f"h{number}", data=data)
        told.append(_decide(uri, "coin", version, validation, force))

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


def test_a_single_seed_takes_no_champion_s_place(uri, model):
    told = []
    for quality in (0.6, 0.9):
        validation = _runs(quality, 0)[:1]
        version = _register(uri, "lone", model, validation, hash=f"h{quality}")
        told.append(_decide(uri, "lone", version, validation))

    assert [decision.alias for decision in told] == ["champion", "challenger"]
    assert "[unknown] from champion 1, the noise unknown" in told[1].why


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("lost", ["file", "run"])
def test_a_champion_whose_predictions_are_lost_blocks_nobody(uri, model, lost, force):
    name = f"lost {lost} {force}"
    told = []
    for quality in (0.6, 0.9):
        validation = _runs(quality, 0)
        version = _register(uri, name, model, validation, hash=f"h{quality}")
        told.append(_decide(uri, name, version, validation, force and version == "2"))
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
    version = _register(uri, "aliased", model, _runs(0.7, 0))
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
        for number, quality in enumerate((0.70, 0.80)):
            validation = _runs(quality, 100 * number)
            version = _register(server.uri, "served", model, validation, hash=f"h{number}")
            told.append(_decide(server.uri, "served", version, validation).alias)
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
    validation = _runs(0.7, 0)

    first = _register(uri, "once", model, validation)
    again = _register(uri, "once", model, validation)
    other = _register(uri, "once", model, validation, study="t 2.0")

    assert (first, again, other) == ("1", "1", "2")


def test_why_a_champion_became_one_stays_with_it(uri, model):
    client = mlflow.MlflowClient(uri)
    for quality in (0.9, 0.6):
        validation = _runs(quality, 0)
        version = _register(uri, "stays", model, validation, hash=f"h{quality}")
        _decide(uri, "stays", version, validation)
    assert str(client.get_model_version_by_alias("stays", "challenger").version) == "2"

    forced = _decide(uri, "stays", "2", validation, force=True)
    again = _decide(uri, "stays", "2", validation)

    assert again.why == "it is already"
    version = client.get_model_version("stays", "2")
    assert version.tags["alias_reason"] == forced.why
    assert version.aliases == ["champion"]  # and challenger no longer


def test_more_seeds_of_the_same_weights_are_kept_beside_them(uri, model):
    client, runs = mlflow.MlflowClient(uri), _runs(0.7, 0)

    for seeds, kept in ((2, 2), (3, 3), (1, 3)):
        _register(uri, "longer", model, runs[:seeds], final=str(seeds))
        np.testing.assert_array_equal(np.load(_predictions(uri, "longer", "1")), runs[:kept])
        assert client.get_model_version("longer", "1").tags["final"] == str(kept)
    _predictions(uri, "longer", "1").unlink()
    _register(uri, "longer", model, runs)
    assert _predictions(uri, "longer", "1").exists()
    _drop_run(uri, "longer", "1")
    assert _register(uri, "longer", model, runs) == "1"


def test_no_champion_is_said(uri):
    with pytest.raises(registry.RegistryError, match=r"no champion named nobody in .*promote"):
        registry.find_model(uri, "nobody", None)


@pytest.fixture(scope="module")
def champion(uri: str, model: Path) -> str:
    """Version 1 of sts, by its alias."""
    version = _register(uri, "sts", model, _runs(0.7, 0))
    assert _decide(uri, "sts", version, _runs(0.7, 0)).alias == "champion"
    return "models:/sts@champion"


def test_the_registered_model_answers_as_the_exported_one(uri, champion, model):
    loaded = mlflow.pyfunc.load_model(champion)
    asked = predict.example()

    scores = loaded.predict(pd.DataFrame(asked))["score"]

    np.testing.assert_allclose(scores, predict.load(model).predict(asked), atol=1e-4)
    assert loaded.metadata.get_input_schema().input_names() == ["sentence1", "sentence2"]
    assert loaded.metadata.get_output_schema().input_names() == ["score"]
    assert loaded.input_example["sentence1"].tolist() == asked["sentence1"]


def test_altered_weights_are_refused(uri, champion, tmp_path):
    folder = Path(mlflow.artifacts.download_artifacts(champion, dst_path=str(tmp_path)))
    [weights] = folder.rglob("weights.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(Exception, match=r"altered since it was sealed: weights\.safetensors"):
        mlflow.pyfunc.load_model(str(folder))


def test_a_registered_model_holds_no_pickle(champion, tmp_path):
    folder = Path(mlflow.artifacts.download_artifacts(champion, dst_path=str(tmp_path)))

    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt")]
    assert (folder / "code" / "trainables" / "sts" / "predict.py").exists()


def test_a_model_in_a_folder_is_asked_as_one_that_is_registered(uri, champion, tmp_path):
    folder = mlflow.artifacts.download_artifacts(champion, dst_path=str(tmp_path / "copy"))
    Path(folder).rename(tmp_path / "3")  # as a version ends

    opened = open_model(uri, find_task("sts"), str(tmp_path / "3"))

    assert opened.tags == {}
    assert len(opened.predict(pd.DataFrame(predict.example()))) == 2


@pytest.mark.parametrize("address", ["s3://bucket/x", "gs://bucket/x", "/nowhere/3", "x:/y"])
def test_a_model_that_cannot_be_had_is_said(uri, monkeypatch, address):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")

    with pytest.raises(registry.RegistryError, match=rf"^{address} cannot be loaded: \w"):
        open_model(uri, find_task("sts"), address)


def test_a_database_that_is_none_is_said(tmp_path):
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + 100 * b"x")

    with pytest.raises(registry.RegistryError, match=r"does not answer: .*not a database"):
        registry.find_model(f"sqlite:///{tmp_path}/torn.db", "sts", None)


@pytest.fixture
def elsewhere(uri: str, tmp_path: Path) -> dict[str, str]:
    """Another user's environment: not in the project's folder, no pickles."""
    return {
        **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def test_mlflow_models_predict(champion, elsewhere, tmp_path):
    asked = tmp_path / "pairs.csv"
    pd.DataFrame(predict.example()).to_csv(asked, index=False)

    told = subprocess.run(
        [sys.executable, "-m", "mlflow", "models", "predict", "-m", champion,
         "--env-manager", "local", "-i", str(asked), "-t", "csv", "-o", str(tmp_path / "o.json")],
        cwd=tmp_path, env=elsewhere, capture_output=True, text=True,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    answers = json.loads((tmp_path / "o.json").read_text())["predictions"]
    assert [0 <= answer["score"] <= 5 for answer in answers] == [True, True]


def test_a_served_model_answers_over_http(champion, elsewhere, model, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", champion,
         "--env-manager", "local", "--port", str(port), "--workers", "1"],
        cwd=tmp_path, env=elsewhere, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{address}/ping"), "no answer", process=server, every_s=0.3)
        asked = predict.example()

        answers = _post(address, {"dataframe_split": pd.DataFrame(asked).to_dict("split")})

        scores = [row["score"] for row in answers["predictions"]]
        np.testing.assert_allclose(scores, predict.load(model).predict(asked), atol=1e-4)
        with pytest.raises(urllib.error.HTTPError) as caught:
            _post(address, {"dataframe_records": [{"sentence1": "A."}]})
        assert caught.value.code == 400
        assert "sentence2" in caught.value.read().decode()
    finally:
        os.killpg(server.pid, 15)
        server.wait()
        log.close()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5)
        return True
    except OSError:
        return False


def _post(address: str, content: Any) -> Any:
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
