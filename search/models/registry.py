"""The MLflow Model Registry: who is in it, and who of them is champion.

A version is a sealed model with the code to serve it, tagged with all it came from. Beside it lie
the validation predictions of its final runs, so that a later model can be held against it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import trainables
from search.errors import RegistryError, first_line
from search.reports.numbers import estimate_text
from search.statistics.intervals import Estimate, difference

__all__ = [
    "SERVER_CODE",
    "Registered",
    "decide_alias",
    "find_model",
    "parse_name",
    "register",
    "registry_errors",
]

SERVER_CODE = Path(__file__).with_name("model_server.py")
_EVALUATION = "promotion"  # artifact folder of the final run
_VALIDATION = "validation.npy"  # (S, N) or (S, N, classes) float32
_OPTIMISM = "optimism"
_COMPARABLE = ("data", "split", "metric")  # tags that must agree before two scores compare


@contextlib.contextmanager
def registry_errors() -> Iterator[None]:
    """What MLflow or its database raises in here is a RegistryError of one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise RegistryError(f"the registry does not answer: {first_line(error)}") from error


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One version of a registered model."""

    name: str
    version: str
    alias: str  # champion or challenger
    why: str


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
) -> str:
    """Put the sealed folder `model` into the registry once; its version.

    `example` and the model's `answer` to it fix the signature. The same weights of the same study
    are registered once, however often this is called; what later seeds say of them is added.
    """
    client = _client(uri)
    for known in client.search_model_versions(f"name='{name}' and tags.model='{model_hash}'"):
        if known.tags.get("study") == tags["study"]:
            _refresh(client, known, validation, tags)
            return str(known.version)
    _log_validation(client, run_id, validation)
    logged = _log(experiment, run_id, model, example, answer, requirements)
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    version = client.create_model_version(
        name,
        source=logged.model_uri,
        run_id=run_id,
        model_id=logged.model_id,  # a server refuses a source that it does not name
        tags={**tags, "model": model_hash},
    )
    return str(version.version)


def _refresh(client: Any, known: Any, validation: np.ndarray, tags: Mapping[str, str]) -> None:
    """More final runs were made since, or the predictions were lost."""
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(RegistryError):
        if len(_validation(client, known)) >= len(validation):
            return
    with contextlib.suppress(MlflowException):  # its run is gone, and cannot hold them
        _log_validation(client, known.run_id, validation)
        for key, value in tags.items():
            client.set_model_version_tag(known.name, known.version, key, value)


def _log_validation(client: Any, run_id: str, validation: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _VALIDATION)
        np.save(path, validation, allow_pickle=False)
        client.log_artifact(run_id, str(path), _EVALUATION)


def decide_alias(
    uri: str,
    name: str,
    version: str,
    *,
    values: Callable[[Sequence[np.ndarray]], np.ndarray],
    validation: np.ndarray,
    metric: str,
    sign: int,
    force: bool,
    optimism: float = 0.0,
) -> Registered:
    """Name the version champion if there is none or it is beyond the noise better, else challenger.

    Compared are validation predictions (S, N …) of the final runs, of which `values` are taken
    (search/statistics/pseudo_values.py), so that a test score stays one that nothing was chosen by.
    `optimism`: how much better the version looks by having been chosen on these examples. It is
    taken off, as the champion's own is, which its tag tells.
    """
    client = _client(uri)
    champion = _version_with(client, name, "champion")
    challenger = _version_with(client, name, "challenger")
    alias, why = "champion", "there was none"
    if champion is not None and str(champion.version) == version:
        return Registered(name=name, version=version, alias=alias, why="it is already")
    if champion is not None:
        gain_on = functools.partial(
            _gain, values, validation, sign * (optimism - _optimism(champion))
        )
        new = client.get_model_version(name, version)
        better, why = _better(client, champion, new, gain_on, metric=metric, sign=sign)
        alias = "champion" if better else "challenger"
    if force and alias != "champion":
        alias, why = "champion", f"forced, though {why}"
        client.set_model_version_tag(name, version, "forced", "true")
    if alias == "champion" and challenger is not None and str(challenger.version) == version:
        client.delete_registered_model_alias(name, "challenger")
    client.set_registered_model_alias(name, alias, version)
    client.set_model_version_tag(name, version, "alias_reason", why)
    client.set_model_version_tag(name, version, _OPTIMISM, repr(float(optimism)))
    return Registered(name=name, version=version, alias=alias, why=why)


def _gain(
    values: Callable[[Sequence[np.ndarray]], np.ndarray],
    new: np.ndarray,
    less: float,
    old: np.ndarray,
) -> Estimate:
    """Of the new over the old runs, less what only looks like one."""
    return difference(values(list(new)) - less, values(list(old)), same_seeds=False)


def _optimism(version: Any) -> float:
    """Of a version that was registered before this was told, none is known: that is the safe side
    for a champion's."""
    return float(version.tags.get(_OPTIMISM, 0.0))


def _better(
    client: Any,
    champion: Any,
    new: Any,
    gain_on: Callable[[np.ndarray], Estimate],
    *,
    metric: str,
    sign: int,
) -> tuple[bool, str]:
    """Whether the version `new` is beyond the noise better than the champion, and in words.
    `gain_on`: the difference of its validation predictions from others."""
    differing = [k for k in _COMPARABLE if new.tags.get(k) != champion.tags.get(k)]
    if differing:
        return False, f"champion {champion.version} was measured on another {', '.join(differing)}"
    try:
        old = _validation(client, champion)
    except RegistryError as error:
        return False, f"the predictions of champion {champion.version} cannot be read ({error})"
    gain = gain_on(old)
    better = gain.beyond_noise and sign * gain.mean > 0
    known = f"{'' if better else 'not '}better beyond the noise"
    if gain.low is None:
        known = "the noise unknown, as where one of them has a single seed"
    return better, (
        f"validation {metric} {estimate_text(gain.mean, gain.low, gain.high, signed=True)} "
        f"from champion {champion.version}, {known}, corrected for the choice by these examples"
    )


def _validation(client: Any, version: Any) -> np.ndarray:
    """The predictions that lie beside a version. Raises RegistryError."""
    try:
        path = client.download_artifacts(version.run_id, f"{_EVALUATION}/{_VALIDATION}")
        found: np.ndarray = np.load(path, allow_pickle=False)
    except Exception as error:  # its run is gone, the file, or the store that it is in
        raise RegistryError(first_line(error)) from None
    return found


@registry_errors()
def find_model(uri: str, registered: str, name: str | None) -> str:
    """An MLflow address: of the champion, or of the version, alias, or address `name`. Of what is
    registered it names the version, whose tags tell where it comes from.

    Raises RegistryError where there is none.
    """
    client = _client(uri)
    named = parse_name(registered, name)
    if named is None:
        assert name is not None
        return name
    if name is None:
        champion = _version_with(client, registered, "champion")
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


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri)


def _version_with(client: Any, name: str, alias: str) -> Any:
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
