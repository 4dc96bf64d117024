"""What a registered model answers: loaded, from a folder, by MLflow's own command, over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from search.models import registry
from search.models.predict import open_model
from search.tasks.registry import find_task
from tests.search.models.registering import decide, register, three_runs
from tests.waiting import wait_until
from trainables.sts import predict


@pytest.fixture(scope="module")
def champion(uri: str, model: Path) -> str:
    """Version 1 of sts, by its alias."""
    version = register(uri, "sts", model, three_runs(0.7, 0))
    assert decide(uri, "sts", version, three_runs(0.7, 0)).alias == "champion"
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
