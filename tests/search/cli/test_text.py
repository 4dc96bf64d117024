"""Text that a locale cannot show, that is no UTF-8, or that no database takes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from search.cli.main import main
from tests.conftest import Place
from tests.search.cli.finished import finished_study
from tests.search.studies import epoch, failure, segment, suggestion

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def strange(place: Place) -> Place:
    """A study whose fifth and sixth trials say what is hard to print."""
    study = finished_study(place)
    names = {"精度": 0.25, "epoch": 7.0, "two\nlines": 1.0, "cpu_s": 9.0, "tiny": 1e-9}
    last = dataclasses.replace(epoch(4, 1, 0.5), metrics={"score": 0.5, **names})
    events = [suggestion(4, x=0.1), segment(4, 1, 1), last]
    events += [suggestion(5, x=0.2), segment(5, 1, 1)]
    place.record.append(study, *events, failure(5, 1, reason="№ \udcff\0 is wrong"))
    return place


@pytest.mark.parametrize("env", [ASCII, {"PYTHONIOENCODING": "ascii"}], ids=["locale", "streams"])
def test_what_cannot_be_printed_is_escaped(strange: Place, env):
    strange.env |= env

    done = strange.search("show", "old", "--trial", "5")

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\udcff\\x00 is wrong" in done.stdout


def test_a_folder_of_any_name_in_an_ascii_locale(strange: Place):
    strange.env |= ASCII
    (strange.folder / "studies").rename(strange.folder / "исследования №")

    done = strange.search("list", "--studies-dir", "исследования №")

    assert (done.returncode, done.stderr, done.stdout.split()[0]) == (0, "", "old")
    assert strange.search("list").stderr.startswith("error: no studies in studies")


def test_metrics_named_as_ours_stand_beside_ours(strange: Place, monkeypatch, capsys):
    monkeypatch.chdir(strange.folder)

    assert main(["show", "old", "--trial", "4"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line[:5] == "epoch")
    assert line == (
        "epoch 1: score 0.5000  精度 0.2500  epoch 7.0000  two\\nlines 1.0000  cpu_s 9.0000  "
        "tiny 1e-09  (0.5 CPU s)"
    )

    assert main(["show", "old", "--trial", "4", "--json"]) == 0
    [first] = json.loads(capsys.readouterr().out)["curve"]
    assert (first["epoch"], first["metrics"]["epoch"], first["cpu_s"]) == (1, 7.0, 0.5)
    assert first["metrics"]["cpu_s"] == 9.0
