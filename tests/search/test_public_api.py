"""What `import search` gives to a program, beside the notebook of test_notebook.py."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import search

CURVE = "tests.curve_task:TASK"

PROGRAM = f"""
import json, os
import search
from tests.curve_task import TASK

told = {{}}
study = search.run(
    TASK, trials=4, name="s", workers=1, max_epochs=3, seed=7, quiet=True,
    tracking_uri="sqlite:///one.db",
)
told["task"] = study.config.task
told["trials"] = [study.trials.shape[0], study.trials.index.name, study.epochs.shape[0]]
told["best"] = bool(study.best.value == study.trials.value.loc[study.best.number])
study.resume(
    trials=6, workers=2, storage=os.path.abspath("shared"), tracking_uri="sqlite:///two.db",
    trial_timeout_s=60.0, quiet=True,
)
again = search.load("s")
told["config"] = [again.config.workers, again.config.storage, again.config.trial_timeout_s]
told["tracking"] = again.config.tracking_uri.rpartition("/")[2]
told["state"] = [again.state, len(again.trials), again.length]
told["log"] = again.trial(0)["curve"][-1]["epoch"]
told["table"] = search.studies().to_dict("records")
try:
    again.stop()
except search.UserError as error:
    told["not running"] = str(error)
try:
    search.run("{CURVE}", trials=8, name="bad", fixed={{"fault": "raise"}}, workers=1,
               max_epochs=3, baseline=False, scheduler="none", quiet=True)
except search.EndedEarly as early:
    told["failed"] = [early.outcome, early.study, early.why]
again.delete()
told["left"] = list(search.studies().name)
print(json.dumps(told))
"""


def test_a_study_of_a_program_from_its_start_to_its_end(place):
    (place.folder / "shared").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=place.folder,
        env=place.env,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    assert told["task"] == CURVE
    assert told["trials"][:2] == [4, "trial"]
    assert told["best"] is True
    assert told["config"] == [2, str(place.folder / "shared"), 60.0]
    assert told["tracking"] == "two.db"
    assert told["state"] == ["finished", 6, 6]
    assert told["log"] == 3
    [row] = told["table"]
    assert (row["name"], row["state"], row["trials"], row["metric"]) == (
        "s",
        "finished",
        6,
        "score",
    )
    assert told["not running"] == "study s is not running"
    assert told["failed"][:2] == ["failed", "bad"]
    assert "asked to fail" in told["failed"][2]
    assert told["left"] == ["bad"]


def test_what_a_study_is_given_is_checked_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(search.UserError, match="no option 'lr'; there are: trials, max_epochs"):
        search.run(CURVE, lr=1)
    with pytest.raises(search.UserError, match=r"no study named 'x'|no studies in"):
        search.load("x")
    assert not (tmp_path / "studies").exists()


def test_the_public_names_are_there_and_nothing_heavy_is_imported():
    code = (
        "import sys, search\n"
        "heavy = {'ray', 'torch', 'mlflow', 'optuna', 'pandas', 'numpy', 'sqlalchemy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "for name in search.__all__: getattr(search, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="'runn'; there are: "):
        search.runn  # noqa: B018
