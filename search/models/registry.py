"""The MLflow Model Registry: what is in it.

A version is a sealed model with the code to serve it, tagged with all it came from. Beside it lie
the validation predictions of its final runs, so that a later model can be held against it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import trainables
from search.errors import RegistryError, first_line

__all__ = [
    "SERVER_CODE",
    "find_model",
    "parse_name",
    "register",
    "registered_on",
    "registry_client",
    "registry_errors",
    "validation_predictions",
    "version_with",
    "weights_of",
]

SERVER_CODE = Path(__file__).with_name("model_server.py")
_EVALUATION = "promotion"  # artifact folder of the final run, or of an ensemble's study
_WEIGHTS = "weights"  # the tag of an ensemble: how often each of its members is counted
_VALIDATION = "validation.npy"  # (S, N) or (S, N, classes) float32


@contextlib.contextmanager
def registry_errors() -> Iterator[None]:
    """What MLflow or its database raises in here is a RegistryError of one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise RegistryError(f"the registry does not answer: {first_line(error)}") from error


def register(
    uri: str,
    name: str,
    *,
    experiment: str,
    run_id: str,
    model: Path,
    model_hash: str,
    example: Any,
    answer: Any,
    validation: np.ndarray,
    requirements: list[str],
    tags: Mapping[str, str],
    weights: Sequence[int] | None = None,
) -> str:
    """Put the sealed folder `model` into the registry once; its version.

    `example` and the model's `answer` to it fix the signature. The same weights of the same study
    are registered once, however often this is called; what later seeds say of them is added.
    `validation`: predictions of the final runs, or of an ensemble's members, which have `weights`.
    """
    client = registry_client(uri)
    tags = {**tags, "model": model_hash}
    if weights is not None:
        tags[_WEIGHTS] = json.dumps(list(weights))
    for known in client.search_model_versions(f"name='{name}' and tags.model='{model_hash}'"):
        if known.tags.get("study") == tags["study"]:
            _refresh(client, known, validation, tags)
            return str(known.version)
    _log_validation(client, run_id, validation, tags)
    logged = _log(experiment, run_id, model, example, answer, requirements)
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    version = client.create_model_version(
        name,
        source=logged.model_uri,
        run_id=run_id,
        model_id=logged.model_id,  # a server refuses a source that it does not name
        tags=tags,
    )
    return str(version.version)


def _refresh(client: Any, known: Any, validation: np.ndarray, tags: Mapping[str, str]) -> None:
    """More final runs were made since, or the predictions were lost."""
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(RegistryError):
        if len(validation_predictions(client, known)) >= len(validation):
            return
    with contextlib.suppress(MlflowException):  # its run is gone, and cannot hold them
        _log_validation(client, known.run_id, validation, tags)
        for key, value in tags.items():
            client.set_model_version_tag(known.name, known.version, key, value)


def _log_validation(
    client: Any, run_id: str, validation: np.ndarray, tags: Mapping[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _VALIDATION)
        np.save(path, validation, allow_pickle=False)
        client.log_artifact(run_id, str(path), _folder(tags))


def validation_predictions(client: Any, version: Any) -> np.ndarray:
    """The predictions that lie beside a version. Raises RegistryError."""
    try:
        folder = _folder(version.tags)
        path = client.download_artifacts(version.run_id, f"{folder}/{_VALIDATION}")
        found: np.ndarray = np.load(path, allow_pickle=False)
    except Exception as error:  # its run is gone, the file, or the store that it is in
        raise RegistryError(first_line(error)) from None
    return found


@registry_errors()
def registered_on(uri: str, name: str, tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The tags of all versions that have these ones. Raises RegistryError."""
    found = registry_client(uri).search_model_versions(f"name='{name}'")
    return [dict(v.tags) for v in found if tags.items() <= v.tags.items()]


def weights_of(tags: Mapping[str, str]) -> list[int] | None:
    """Of an ensemble's members; None: the version is a single model."""
    return json.loads(tags[_WEIGHTS]) if _WEIGHTS in tags else None


def _folder(tags: Mapping[str, str]) -> str:
    """A study's run may hold several ensembles, each with predictions of its own."""
    return f"{_EVALUATION}/{tags['model'][:16]}" if _WEIGHTS in tags else _EVALUATION


@registry_errors()
def find_model(uri: str, registered: str, name: str | None) -> str:
    """An MLflow address: of the champion, or of the version, alias, or address `name`. Of what is
    registered it names the version, whose tags tell where it comes from.

    Raises RegistryError where there is none.
    """
    client = registry_client(uri)
    named = parse_name(registered, name)
    if named is None:
        assert name is not None
        return name
    if name is None:
        champion = version_with(client, registered, "champion")
        if champion is None:
            raise RegistryError(
                f"no champion named {registered} in {uri}: promote a study with "
                "`python -m search promote NAME`, or say which --model"
            )
        return f"models:/{registered}/{champion.version}"
    model, which = named
    if which.startswith("@"):
        return _aliased(client, model, which[1:])
    return f"models:/{model}/{which}"


def parse_name(registered: str, name: str | None) -> tuple[str, str] | None:
    """The registered model that `name` means, and which of its versions, as "3" or "@champion".
    None: it is another MLflow address."""
    if name is None:
        return registered, "@champion"
    if name.isdigit():
        return registered, name
    if name.startswith("models:/"):
        path = name.removeprefix("models:/")
        model, at, alias = path.rpartition("@")
        if at:
            return model, f"@{alias}"
        model, slash, version = path.rpartition("/")
        return (model, version) if slash and version.isdigit() else None
    if ":" in name or "/" in name or Path(name).exists():
        return None
    return registered, f"@{name}"


def _aliased(client: Any, registered: str, alias: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        version = client.get_model_version_by_alias(registered, alias).version
    except MlflowException as error:
        raise RegistryError(f"no model {registered}@{alias}: {error.message}") from None
    return f"models:/{registered}/{version}"


def registry_client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri)


def version_with(client: Any, name: str, alias: str) -> Any:
    """The version that has the alias; None: no version has it."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _log(
    experiment: str, run_id: str, model: Path, example: Any, answer: Any, requirements: list[str]
) -> Any:
    """Log the model under its run; MLflow's account of it."""
    import mlflow
    import pandas as pd
    from mlflow.models import Model, infer_signature

    mlflow.set_experiment(experiment)
    given = pd.DataFrame(example) if isinstance(example, Mapping) else example
    with warnings.catch_warnings(action="ignore"):
        return Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.pyfunc,
            run_id=run_id,
            python_model=str(SERVER_CODE),
            artifacts={"model": str(model)},
            code_paths=[str(Path(trainables.__file__).parent)],
            signature=infer_signature(given, pd.DataFrame(answer)),
            input_example=given,
            pip_requirements=requirements,
        )
