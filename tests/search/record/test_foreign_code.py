"""A study names the modules of its task, sampler and scheduler; those of somebody else's are not
run by who only looks."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from search.cli.main import main
from search.errors import UserError
from search.record.record import Record, open_record
from search.reports.listing import list_studies
from search.reports.recorded_task import RecordedTask, keep_claims, kept_claims, shown_task
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
from tests.curve_task import TASK
from tests.search.studies import scored, session, suggestion

COMPARED = {
    "difference": 0.25,
    "low": 0.125,
    "high": 0.375,
    "beyond_example_noise": True,
    "chosen_among": 2,
    "corrected": True,
}


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Two studies: the module of one is here, and leaves a mark if it is run; another's is not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "marks_when_run.py").write_text("open('mark', 'w')\n")
    record = open_record(tmp_path / "studies", create=True)
    for name, module in (("here", "marks_when_run"), ("away", "no_such_module.deep")):
        own = {"sampler": f"{module}:propose", "scheduler": f"{module}:promote"}
        config = StudyConfig(
            name=name, task=f"{module}:TASK", dataset="d", max_epochs=3, trials=3, **own
        )
        objective = {"metric": "score", "mode": "min"}
        study = record.create(config, {"baselines": {"zero": 0.5}, "objective": objective})
        named, *others = scored({3: 0.75}, {1: 0.5}, {3: 0.25})
        events = [named, dataclasses.replace(suggestion(0, x=1), source="report"), *others[1:]]
        record.append(study, *events, session("finished", 3))
        (record.study_folder(name) / "predictions").mkdir(parents=True)
        keep_claims(record.study_folder(name), [2, 0], {"zero": COMPARED})
    return record


def _not_run() -> None:
    assert not Path("mark").exists()


@pytest.mark.parametrize("name", ["here", "away"])
def test_it_is_listed_shown_and_exported_and_nothing_is_run(foreign, capsys, name) -> None:
    [line] = [each for each in list_studies(foreign) if each["name"] == name]
    assert line["best"] == {"trial": 2, "value": 0.25}

    assert main(["show", name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["objective"] == {"metric": "score", "mode": "min"}
    assert shown["best"]["trial"] == 2
    assert shown["baselines"]["report"] == {"trial": 0, "value": 0.75}
    assert shown["baselines"]["zero"] == {"value": 0.5, "best_minus_this": COMPARED}
    for command in (["list"], ["show", name], ["show", name, "--trial", "1"], ["export", name]):
        assert main(command) == 0
    out = capsys.readouterr().out
    assert "score" in out
    _not_run()


@pytest.mark.parametrize(("name", "where"), [("here", "marks_when_run.py"), ("away", "not here")])
def test_an_archive_of_it_is_taken_in_only_if_it_is_trusted(
    foreign, tmp_path, capsys, name, where
) -> None:
    assert main(["export", name, "--output", "s.tar"]) == 0
    command = ["import", "s.tar", "--studies-dir", "others"]
    capsys.readouterr()

    assert main(command) == 2
    said = capsys.readouterr().err
    assert where in said
    assert "look at that, then import with --trust" in said
    assert said.count("\n") == 1

    assert main([*command, "--trust"]) == 0
    assert open_record(Path("others")).names() == [name]
    _not_run()


@pytest.mark.parametrize(
    "kept",
    ["", "[]", '{"complete": [2]}', '{"complete": [2], "claims": [1]}',
     '{"complete": [2], "claims": {"zero": {"low": "x"}}}'],
)  # fmt: skip
def test_a_claim_that_others_have_written_is_one_or_none(tmp_path, kept) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "baselines.json").write_text(kept)

    assert kept_claims(tmp_path, [2]) == {}


def test_a_claim_is_of_the_trials_that_it_was_chosen_among(tmp_path) -> None:
    (tmp_path / "predictions").mkdir()
    keep_claims(tmp_path, [2, 0], {"zero": COMPARED})

    assert kept_claims(tmp_path, [2, 0]) == {"zero": COMPARED}
    assert kept_claims(tmp_path, [2]) == {}


def test_a_task_that_this_process_has_is_shown_in_full(foreign) -> None:
    study = foreign.study("here")
    ours = dataclasses.replace(study.config, task="tests.curve_task:TASK")

    assert shown_task(foreign, dataclasses.replace(study, config=ours)) is TASK
    recorded = shown_task(foreign, study)
    assert isinstance(recorded, RecordedTask)
    assert recorded.sign == -1
    _not_run()


@pytest.mark.parametrize("inherited", [True, False])
@pytest.mark.parametrize("way", ["{}/evil", "../evil", "evil/../../evil"])
def test_a_task_of_a_notebook_is_no_file_that_a_record_names(
    tmp_path, monkeypatch, way, inherited
) -> None:
    """An archive can bring the file along, as a log."""
    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(_Mark(str(tmp_path / "mark"))))
    (tmp_path / "tasks" / "evil").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    if inherited:
        monkeypatch.setenv("SEARCH_TASKS_DEFINED_HERE", str(tmp_path / "tasks"))

    with pytest.raises(UserError, match="was defined in a notebook or script"):
        find_task(f"__main__:{way.format(tmp_path)}")

    _not_run()


class _Mark:
    """Leaves a mark where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return open, (self.path, "w")
