"""Any text in any option: a result that is what was typed, or one clear line and exit code 2."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import math
import os
import string
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.cli.main import main
from search.record.record import open_record
from search.tasks.config import Sampler, Scheduler, StudyConfig
from search.tasks.hyperparameter import parse_hyperparameter
from search.tasks.registry import NAMES, find_task
from tests.search.studies import scored
from trainables import cnn, sts

CURVE = "tests.curve_task:TASK"
within_a_test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
WHOLE = st.one_of(st.integers(-3, 20), st.integers(), st.sampled_from([2**31, 2**63, 10**30]))
NUMBER = st.one_of(WHOLE, st.floats(), st.floats(0, 1))
ODD = st.sampled_from(
    ["", "-", "--", "nan", "inf", "-inf", "1e999", "0x10", "1_0", "٣", "1 ", "9s"]
)
TYPED = st.one_of(NUMBER.map(str), ODD, TEXT)
WORD = st.text(string.ascii_letters + string.digits + "._-/ <>&'\"$`\n", max_size=110)
OPTIONS = {
    "--trials": TYPED,
    "--max-epochs": TYPED,
    "--min-epochs": TYPED,
    "--reduction-factor": TYPED,
    "--seed": TYPED,
    "--workers": TYPED,
    "--cpus-per-trial": TYPED,
    "--gpus-per-trial": TYPED,
    "--keep-checkpoints": TYPED,
    "--trial-timeout": st.tuples(TYPED, st.sampled_from(["", *"smhd"])).map("".join),
    "--time-budget": st.tuples(TYPED, st.sampled_from(["", *"smhd"])).map("".join),
    "--sampler": st.one_of(st.sampled_from(get_args(Sampler)), TEXT),
    "--scheduler": st.one_of(st.sampled_from(get_args(Scheduler)), TEXT),
    "--dataset": st.one_of(st.just("ones"), TEXT),
    "--set": st.tuples(st.sampled_from(["x=", "kind=", "bump", "=", ""]), TYPED).map("".join),
    "--tracking-uri": st.tuples(
        st.sampled_from(["", "sqlite:", "sqlite:///", "http://127.0.0.1:", "http://[", "ftp:",
                         "file:", "postgresql://127.0.0.1:1/", "mysql:"]),
        st.text(string.ascii_letters + string.digits + ":?%[]=# ", max_size=12),
    ).map("".join),
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, where a study is created but not driven."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("search.driver.run.drive", lambda *arguments, **options: None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path


def told(*arguments: str) -> tuple[int, str, str]:
    """A command's exit code, stdout and stderr; whatever it may be, it obeys the rules."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    assert code in (0, 2), err.getvalue()
    if code == 2:
        assert err.getvalue().startswith("error: ")
        assert err.getvalue().count("\n") == 1
    return code, out.getvalue(), err.getvalue()


numbers = itertools.count()


@within_a_test
@given(given_options=st.fixed_dictionaries({}, optional=OPTIONS), one=st.sampled_from([*OPTIONS]))
@example(given_options={"--trials": str(10**19)}, one="--trials")
@example(given_options={"--trial-timeout": "1e300"}, one="--trial-timeout")
@example(given_options={"--set": "--"}, one="--set")
@example(given_options={"--tracking-uri": "sqlite:"}, one="--tracking-uri")
def test_run_takes_what_was_typed_or_says_the_rule(here, given_options, one):
    """Half of the time one option only, so that the others do not hide it."""
    chosen = {one: given_options[one]} if one in given_options else given_options
    name = f"s{os.getpid()}-{next(numbers)}"

    code, _, _ = told(
        "run", CURVE, "--quiet", "--name", name, *[f"{k}={v}" for k, v in chosen.items()]
    )

    studies = here / "studies"
    on_record = open_record(studies).studies() if (studies / "record.db").exists() else []
    assert (name in [study.name for study in on_record]) == (code == 0)
    if code == 0:
        _assert_as_typed(on_record[-1].config, chosen)


def _assert_as_typed(config: StudyConfig, typed: dict[str, str]) -> None:
    for option, text in typed.items():
        name = option.removeprefix("--").replace("-", "_")
        if name in ("sampler", "scheduler", "dataset"):
            assert getattr(config, name) == text
        elif name == "gpus_per_trial":
            assert getattr(config, name) == float(text) == 0  # there are none
        elif hasattr(config, name) and name != "tracking_uri":
            assert getattr(config, name) == int(text)
    if "--trial-timeout" in typed:
        assert 0.001 <= config.trial_timeout_s <= 1e9
    if "--set" in typed:
        name, _, text = typed["--set"].partition("=")
        assert config.fixed == {name: float(text) if name in ("x", "bump") else text}


@within_a_test
@given(name=WORD)
@example(name="<b>bold</b>")
@example(name="../outside")
@example(name="a" * 101)
def test_a_name_is_a_plain_folder_name_or_refused(here, name):
    code, _, said = told("run", CURVE, "--quiet", f"--name={name}")

    allowed = set(string.ascii_letters + string.digits + "._-")
    plain = 0 < len(name) <= 100 and set(name) <= allowed and name[0] not in "._-"
    if name == "":  # as if not given
        return
    assert code == (0 if plain and "exists" not in said else 2)
    made = {path.name for path in (here / "studies").glob("*/*")} | {p.name for p in here.iterdir()}
    assert made <= {"studies", "predictions", "mlflow.db"}


@within_a_test
@given(
    command=st.sampled_from(["resume", "show", "stop", "sync", "delete", "promote"]),
    name=st.one_of(st.just("old"), WORD, TEXT),
    option=st.sampled_from(["", "--trial", "--trials", "--top", "--runs", "--final-seeds",
                            "--time-budget", "--tracking-uri", "--now", "--yes", "--json"]),
    value=TYPED,
)  # fmt: skip
@example(command="resume", name="old", option="--trials", value=str(10**19))
def test_commands_on_a_study(here, command, name, option, value):
    """The study itself is left as it is, but for `delete old --yes`."""
    record = open_record(here / "studies", create=True)
    if "old" not in [study.name for study in record.studies()]:
        config = StudyConfig(name="old", task=CURVE, dataset="ones", trials=2, max_epochs=3)
        study = record.create(config, {"code": "c", "data": "d", "space": "s", "versions": {},
                                       "baselines": {}})  # fmt: skip
        record.append(study, *scored({3: 0.5}, {3: 0.6}))
    before = record.events(record.study("old"))

    typed = [f"{option}={value}" if option not in ("", "--now", "--yes", "--json") else option]
    told(command, *[text for text in typed if text], "--", name)

    if (command, option) != ("delete", "--yes"):
        assert record.events(record.study("old")) == before


@within_a_test
@given(port=TYPED, uri=st.one_of(st.just("sqlite:///mlflow.db"), TEXT))
def test_ui_listens_on_loopback_or_refuses(here, monkeypatch, port, uri):
    started: list[list[str]] = []

    def execv(program: str, command: list[str]) -> None:
        started.append(command)
        raise SystemExit(0)  # it does not come back

    monkeypatch.setattr("os.execv", execv)

    code, _, _ = told("ui", f"--port={port}", f"--tracking-uri={uri}")

    assert len(started) == (code == 0)

    for command in started:
        assert command[command.index("--host") + 1] == "127.0.0.1"
        assert 1 <= int(command[command.index("--port") + 1]) <= 65535


@given(arguments=st.lists(st.one_of(st.sampled_from(["run", "--json", "sts", "-h"]), TEXT)))
def test_any_words_at_all(arguments):
    told(*[text for text in arguments if text not in ("sts", "cnn")])


# Configurations --------------------------------------------------------------------------------

ANYTHING = st.one_of(NUMBER, TEXT, st.booleans(), st.none(), st.just(b"bytes"), st.just([1]))


def _like(default: Any) -> st.SearchStrategy[Any]:
    """Values of a field's own kind, near and far, and of any other."""
    kinds: dict[type, st.SearchStrategy[Any]] = {bool: st.booleans(), int: WHOLE, float: NUMBER}
    return st.one_of(st.just(default), kinds.get(type(default), TEXT), ANYTHING)


def _values(config: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = dataclasses.fields(config)
    strategies = {f.name: _like(f.default) for f in fields if f.name != "fixed"}
    return st.fixed_dictionaries({}, optional=strategies)


def _assert_plain(config: Any) -> None:
    kinds = {"str": str, "int": int, "float": (int, float), "bool": bool}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        kind = str(field.type).removesuffix(" | None")
        if value is not None and kind in kinds:
            assert isinstance(value, kinds[kind])
            assert not isinstance(value, bool) or kind == "bool"
            assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("config", [StudyConfig, sts.Config, cnn.Config])
@given(data=st.data())
def test_a_configuration_is_sound_or_a_value_error(config, data):
    needed = {"name": "s", "task": "t", "dataset": "d"} if config is StudyConfig else {}
    values = data.draw(_values(config))
    with contextlib.suppress(ValueError):
        made = config(**{**needed, **values})
        _assert_plain(made)
        assert {name: getattr(made, name) for name in values} == values


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_hyperparameter_as_typed(name, data):
    task = find_task(name)
    fields = [field.name for field in dataclasses.fields(task.config)]
    key, text = data.draw(st.one_of(st.sampled_from(fields), TEXT)), data.draw(TYPED)
    try:
        value = parse_hyperparameter(task, key, text)
        made = task.config(**{key: value})
    except ValueError:  # said in one line by `main`
        return
    read = {bool: lambda text: text.lower() == "true"}.get(type(value), type(value))
    assert value == read(text)
    _assert_plain(made)
