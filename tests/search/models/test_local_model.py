"""A registered model asked without MLflow: the same answers and errors, or MLflow is asked."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search.cli.main import main
from search.models import local_model, registry
from search.models.input_files import as_text
from search.models.predict import typed_inputs
from search.tasks.registry import find_task
from tests.coin_task import TASK as COIN
from trainables import cnn, ensemble, sts
from trainables.cnn import predict as cnn_predict
from trainables.cnn.model import build
from trainables.export import seal, verify
from trainables.sts import data as sts_data
from trainables.sts import predict as sts_predict
from trainables.sts.train import train

STS = ("A man plays a guitar.", "Someone is playing “gutar”.", "A dog, wet.", "")
CNN = ("grey.png", "red.png")
STORE = "sqlite:///mlflow.db"


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose store holds two versions of sts and one of cnn, the working folder."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEARCH_CACHE_DIR", str(folder / "cache"))
        data = sts_data.load(sts_data.prepare("toy", None).folder)
        for number, vectors in enumerate(("ngram", "fasttext")):
            config = sts.Config(hidden=16, dimension=64, vectors=vectors)
            last = next(train(config, data, seed=number, max_epochs=1))
            sealed = folder / f"sts-{number}"
            sealed.mkdir()
            sts_predict.export(config, data, last.state(), sealed)
            _register("sts", sts_predict, sealed)
        (folder / "cnn").mkdir()
        lenet = cnn.Config(model="lenet")
        state = {"average": build(lenet, seed=0).state_dict()}
        cnn_predict.export(lenet, None, state, folder / "cnn")
        _register("cnn", cnn_predict, folder / "cnn")
        client = mlflow.MlflowClient(STORE)
        client.set_registered_model_alias("sts", "challenger", "1")
        Image.new("RGB", (32, 32), (128, 128, 128)).save("grey.png")
        Image.new("RGB", (40, 32), (255, 0, 0)).save("red.png")
        yield folder
        mlflow.set_tracking_uri(None)


def _register(name: str, module: Any, sealed: Path, example: Any = None) -> None:
    """Register it, as champion."""
    example = module.example() if example is None else example
    client = mlflow.MlflowClient(STORE)
    found = client.get_experiment_by_name(name)
    version = registry.register(
        STORE,
        name,
        experiment=name,
        run_id=client.create_run(
            found.experiment_id if found else client.create_experiment(name)
        ).info.run_id,
        model=sealed,
        model_hash=verify(sealed),
        example=example,
        answer=module.load(sealed).answer(example),
        validation=np.zeros((1, 1)),
        requirements=[f"mlflow=={mlflow.__version__}"],
        tags={"study": "s"},
    )
    client.set_registered_model_alias(name, "champion", version)


def _ask(task: str, inputs: tuple[str, ...], model: str | None) -> Any:
    found = find_task(task)
    return local_model.ask(STORE, found, model, typed_inputs(found, inputs))


@pytest.mark.parametrize("json", [(), ("--json",)])
@pytest.mark.parametrize(
    ("task", "inputs", "model"),
    [
        *(("sts", STS, model) for model in (None, "challenger", "1", "2", "models:/sts/1")),
        ("sts", STS[:2], "models:/sts@challenger"),
        ("cnn", CNN, None),
        ("cnn", CNN[:1], "1"),
    ],
)
def test_the_answer_is_that_of_mlflow(task, inputs, model, json, monkeypatch, capsys):
    """Fails, too, if MLflow's tables or files are no longer what is read."""
    typed = ["predict", task, *inputs, *json, *(("--model", model) if model else ())]

    assert _ask(task, inputs, model) is not None, "read MLflow's store anew: local_model.py"
    capsys.readouterr()
    assert main(typed) == 0
    told = capsys.readouterr()
    monkeypatch.setattr(local_model, "ask", lambda *asked: None)
    assert main(typed) == 0

    assert told == capsys.readouterr()


@pytest.mark.parametrize(
    ("task", "inputs", "model"),
    [
        ("sts", STS, "nobody"),
        ("sts", STS, "99"),
        ("sts", STS, "models:/nobody@champion"),
        ("sts", STS, "models:/cnn/1"),
        ("tests.coin_task:TASK", ("1",), None),
    ],
)
def test_an_error_is_mlflow_s(task, inputs, model, capsys):
    assert _ask(task, inputs, model) is None
    assert main(["predict", task, *inputs, *(("--model", model) if model else ())]) in (1, 2)
    assert capsys.readouterr().err.startswith("error: ")


@pytest.fixture
def version_3(store: Path) -> Path:
    """The folder of a third version of sts, that a test may spoil."""
    _register("sts", sts_predict, _copied(store / "sts-0", store / "sts-3"))
    client = mlflow.MlflowClient(STORE)
    newest = max(int(v.version) for v in client.search_model_versions("name='sts'"))
    client.set_registered_model_alias("sts", "third", str(newest))
    client.set_registered_model_alias("sts", "champion", "2")
    return Path(client.get_model_version_download_uri("sts", str(newest)))


def _copied(sealed: Path, to: Path) -> Path:
    """Another model by its hash: its description has one more line's end."""
    to.mkdir(exist_ok=True)
    for path in sealed.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    with (to / "model.json").open("a") as file:
        file.write("\n" * (1 + len(list(to.parent.glob("mlruns/*/models/*")))))
    seal(to)
    return to


def test_an_ensemble_answers_as_by_mlflow_with_its_members_mean(store, monkeypatch, capsys):
    members = [_copied(store / f"sts-{k}", store / f"member-{k}") for k in range(2)]
    scores = [sts_predict.load(member).predict(sts_predict.typed(STS)) for member in members]
    (store / "ensemble").mkdir()
    ensemble.pack(members, [1, 3], sts_predict.__name__, store / "ensemble")
    _register("sts", ensemble, store / "ensemble", sts_predict.example())
    newest = mlflow.MlflowClient(STORE).get_model_version_by_alias("sts", "champion").version
    mlflow.MlflowClient(STORE).set_registered_model_alias("sts", "champion", "2")

    told = _ask("sts", STS, str(newest))

    assert told is not None
    expected = [round(0.25 * one + 0.75 * other, 4) for one, other in zip(*scores, strict=True)]
    assert told.columns["score"] == pytest.approx(expected, abs=1e-4)
    assert main(["predict", "sts", *STS, "--model", str(newest)]) == 0
    shown = capsys.readouterr()
    monkeypatch.setattr(local_model, "ask", lambda *asked: None)
    assert main(["predict", "sts", *STS, "--model", str(newest)]) == 0
    assert capsys.readouterr() == shown


def test_an_altered_file_is_refused_as_by_mlflow(version_3, capsys):
    assert _ask("sts", STS, "third") is not None
    [words] = version_3.rglob("words.json")
    words.write_text(words.read_text().replace("man", "men"))

    assert _ask("sts", STS, "third") is None
    assert main(["predict", "sts", *STS, "--model", "third"]) == 2
    assert "was altered since it was sealed: words.json" in capsys.readouterr().err


def test_other_code_serves_itself(version_3):
    with (version_3 / "model_server.py").open("a") as file:
        file.write("# another version\n")

    assert _ask("sts", STS, "third") is None


def test_a_deleted_version_is_not_found(version_3):
    client = mlflow.MlflowClient(STORE)
    version = client.get_model_version_by_alias("sts", "third").version
    client.delete_model_version("sts", version)

    assert _ask("sts", STS, "third") is None
    assert _ask("sts", STS, str(version)) is None


@pytest.mark.parametrize("place", ["s3://bucket/model", "mlruns/model", "mlflow-artifacts:/1", ""])
def test_artifacts_elsewhere_are_mlflow_s(version_3, place):
    with contextlib.closing(sqlite3.connect("mlflow.db")) as database, database:
        database.execute(
            "UPDATE model_versions SET storage_location = ? WHERE version > 2", (place,)
        )

    assert _ask("sts", STS, "third") is None


def test_another_store_is_mlflow_s(monkeypatch, store):
    task = find_task("sts")
    for uri in ("http://localhost:5000", "postgresql://h/d", "sqlite:///mlflow.db?mode=ro"):
        assert local_model.ask(uri, task, None, sts_predict.typed(STS)) is None
    assert local_model.ask("sqlite:///none.db", task, None, sts_predict.typed(STS)) is None
    assert not (store / "none.db").exists()
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", STORE)
    assert _ask("sts", STS, None) is None


def test_only_inputs_that_mlflow_leaves_as_they_are():
    """It makes numbers of a column of whole numbers, which is for it to do."""
    task = find_task("cnn")
    images = np.zeros((1, 32, 32, 3), np.uint8)
    assert local_model.ask(STORE, task, None, images) is not None
    for other in (images.astype(np.int64), images[:, :16], images[0], {"sentence1": ["a"]}):
        assert local_model.ask(STORE, task, None, other) is None
    assert local_model.ask(STORE, find_task("sts"), None, {"sentence1": ["a"]}) is None
    assert local_model.ask(STORE, dataclasses.replace(COIN, name="sts"), None, {}) is None


_COLUMNS = [
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**62), 2**62),
    st.text(),
    st.lists(st.floats(allow_nan=False) | st.text(), max_size=3),
]


@given(
    st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=3).flatmap(
        lambda kinds: st.lists(st.tuples(*kinds), min_size=1, max_size=4)
    )
)
def test_text_and_rows_are_those_of_pandas(rows):
    columns = {f"{i}, x": list(column) for i, column in enumerate(zip(*rows, strict=True))}
    table = pd.DataFrame(columns)

    plain = local_model.LocalAnswers(
        address="models:/sts/1", columns={k: local_model._plain(v) for k, v in columns.items()}
    )

    assert plain.as_text() == as_text(table)
    assert plain.rows() == table.to_dict("records")


@pytest.mark.parametrize("column", [[1, None], [float("nan")], [True], [np.float32(1)], ("a",)])
def test_other_columns_are_for_pandas(column):
    with pytest.raises(LookupError):
        local_model._plain(column)
    with pytest.raises(LookupError):
        local_model._plain(np.array([0.1], dtype=np.float32))


def test_a_typed_question_imports_little(store):
    code = (
        "import sys; from search.cli.main import main; assert main(sys.argv[1:]) == 0; "
        "print(*{'mlflow', 'sqlalchemy', 'pandas', 'pyarrow', 'optuna', 'ray', 'gensim'}"
        ".intersection(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "predict", "sts", *STS[:2], "--model", "1"],
        cwd=store, capture_output=True, text=True, check=True,
    )  # fmt: skip
    score, imported = told.stdout.removeprefix("score\n").splitlines()
    assert 0 <= float(score) <= 5
    assert imported == ""
