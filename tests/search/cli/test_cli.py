"""The commands: bad input gets one clear line, exit code 2, and nothing is lost."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from search.cli.main import main, parse
from search.tracking import delivery
from tests.conftest import NOWHERE
from tests.search.cli.finished import CURVE, finished_study

RUN = ("run", CURVE, "--trials", "3")


def _error(told: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a command that was given bad input."""
    assert "Traceback" not in told.stderr
    assert told.returncode == 2, told.stderr
    lines = told.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert told.stdout == ""
    return lines[0]


@pytest.fixture
def here(place, monkeypatch, capsys) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command run in this process, which is quicker: `python -m search` but for the start."""
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("SEARCH_CACHE_DIR", place.env["SEARCH_CACHE_DIR"])

    def search(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as leaving:  # how argparse ends
            code = int(leaving.code or 0)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return search


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "required: COMMAND"),
        (("rum",), r"'rum'.*run.*resume.*list.*show.*ui"),
        (("run",), "required: TASK"),
        (("run", "stss"), "no task named 'stss'; there are: sts, cnn"),
        (("run", "nowhere:TASK"), "No module named 'nowhere'"),
        ((*RUN, "--trails", "9"), "--trails"),
        ((*RUN, "--trial", "9"), "--trial"),  # no abbreviations: scripts would break later
        ((*RUN, "--set", "lr=1"), "no hyperparameter 'lr'; there are: x, kind, bump"),
        ((*RUN, "--set", "x"), "--set takes KEY=VALUE, got 'x'"),
        ((*RUN, "--set", "x=2"), r"x must be in \[0, 1\], got 2"),
        ((*RUN, "--set", "x=much"), "x must be a number, got 'much'"),
        ((*RUN, "--dataset", "twos"), "no data set 'twos'; there are: ones"),
        ((*RUN, "--name", "a/b"), "a study's name .*got 'a/b'"),
        ((*RUN, "--seed", "-1"), "seed must be at least 0, got -1"),
        (("run", CURVE, "--trials", "0"), "trials must be at least 1, got 0"),
        (("run", CURVE, "--trials", "many"), "--trials.*'many'"),
        ((*RUN, "--max-epochs", "0"), r"max_epochs must be at least .*got 0"),
        ((*RUN, "--min-epochs", "10", "--max-epochs", "9"), r"at least min_epochs \(10\), got 9"),
        ((*RUN, "--reduction-factor", "1"), "reduction_factor must be at least 2, got 1"),
        ((*RUN, "--workers", "0"), "workers must be at least 1, got 0"),
        ((*RUN, "--cpus-per-trial", "0"), "cpus_per_trial must be at least 1, got 0"),
        ((*RUN, "--gpus-per-trial", "1.5"), "gpus_per_trial must be"),
        ((*RUN, "--gpus-per-trial", "1"), "at most what this machine has .no GPU., got 1"),
        (("run", "cnn", "--gpus-per-trial", "2"), "at most 1 for cnn.*: give it 1, and more"),
        (
            (*RUN, "--sampler", "grid"),
            "sampler must be one of tpe, random, or your own as module:FUNCTION",
        ),
        (
            (*RUN, "--scheduler", "sha"),
            "scheduler must be one of asha, asha-published, hyperband, none",
        ),
        ((*RUN, "--time-budget", "soon"), "'soon'"),
        ((*RUN, "--tracking-uri", NOWHERE), f"{NOWHERE} does not answer"),
        ((*RUN, "--tracking-uri", "ftp://x"), "tracking URI must begin with .*got 'ftp://x'"),
        ((*RUN, "--tracking-uri", "sqlite:///no/folder/m.db"), "cannot be written"),
        (("predict", CURVE, "--evaluate", "--output", "a.csv"), "--output takes answers"),
        (("predict", CURVE, "x", "--dataset", "ones"), "say what --evaluate reads"),
        (("predict", CURVE, "x", "--data-dir", "data"), "say what --evaluate reads"),
        (("predict", CURVE, "--json", "x", "--modle", "3"), "unrecognized arguments: --modle"),
        (("list",), "no studies in studies"),
        (("show", "s"), "no studies in studies: start one with"),
        (("resume", "s"), "no studies in studies"),
    ],
    ids=lambda value: " ".join(value).replace("/", "") if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(place, here, arguments, said):
    line = _error(here(*arguments))

    assert re.search(said, line), line
    assert [path.name for path in place.folder.iterdir()] == ["mlflow.db"]  # nothing was begun


@pytest.mark.parametrize(
    ("typed", "inputs"),
    [
        (("A b.", "C d.", "--json"), ["A b.", "C d."]),
        (("--json", "A b.", "C d."), ["A b.", "C d."]),
        (("A b.", "--model", "3", "C d."), ["A b.", "C d."]),
        (("--json", "- A b.", "--", "-c"), ["- A b.", "-c"]),
    ],
    ids=["before", "after", "around", "dashes"],
)
def test_inputs_may_come_before_and_after_options(typed, inputs):
    assert parse(["predict", "sts", *typed]).inputs == inputs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rum",), "invalid choice: 'rum'"),
        ((*RUN, "--set", "x=2"), "x must be in [0, 1], got 2"),
    ],
    ids=["parser", "service"],
)
def test_bad_input_as_a_shell_sees_it(place, arguments, said):
    assert said in _error(place.search(*arguments))


def test_an_unknown_option_gets_the_valid_ones(here):
    assert "--trials" in _error(here(*RUN, "--trails", "9"))


def test_a_name_in_use_says_resume_and_leaves_the_study_as_it_is(place, here):
    study = finished_study(place)
    before = place.record.events(study)

    line = _error(here(*RUN, "--name", "old"))

    assert "search resume old" in line
    assert place.record.studies() == [study]
    assert place.record.events(study) == before


def test_no_data_and_no_network_says_which_file_where_and_whence(place):
    told = place.search("run", "sts", "--name", "new", "--trials", "2")

    *notes, line = told.stderr.splitlines()
    assert told.returncode == 2
    assert all(note.startswith("Downloading ") for note in notes)
    assert line.startswith("error: ")
    assert re.search(r"\w+\.\w+.* http\S+", line), "a file and an address"
    assert str(Path(place.env["SEARCH_CACHE_DIR"]) / "data") in line
    assert place.record.studies() == []  # the same command works once the file is there
    assert not (place.folder / "studies" / "new").exists()


def test_a_data_dir_without_the_data_is_said(place, here):
    line = _error(here("run", "sts", "--trials", "2", "--data-dir", "elsewhere"))

    assert str(place.folder / "elsewhere") in line


def test_a_studies_folder_that_cannot_be_written(place, here):
    (place.folder / "taken").write_text("")

    line = _error(here(*RUN, "--studies-dir", "taken"))

    assert "taken" in line
    assert "writable" in line


def test_a_study_s_folder_that_cannot_be_written_does_not_take_its_name(place, here):
    (place.folder / "studies").mkdir()
    (place.folder / "studies" / "new").write_text("a file in the folder's place")

    _error(here(*RUN, "--name", "new"))

    assert place.record.studies() == []


def test_a_tracking_server_that_is_none_is_said_before_anything_is_begun(place, here):
    for uri in ("http://localhost:port", "http://"):
        line = _error(here(*RUN, "--tracking-uri", uri))
        assert uri in line


def test_a_tracking_server_that_speaks_no_http_is_said(here):
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        told = here(*RUN, "--tracking-uri", uri)
        answering.join()

    assert uri in _error(told)


def test_resume_cannot_cut_a_study(place, here):
    study = finished_study(place)

    line = _error(here("resume", "old", "--trials", "3"))

    assert "at least the study's length (4), got 3" in line
    assert place.record.history(study).length == 4


def test_unknown_studies_and_trials(place, here):
    finished_study(place)

    for command in ("show", "resume", "stop", "delete", "sync"):
        assert "no study named 'new' in" in _error(here(command, "new"))
    assert "there: old" in _error(here("show", "new"))
    for trial in ("4", "-1"):
        line = _error(here("show", "old", "--trial", trial))
        assert f"trials 0 to 3, got {trial}" in line


def test_a_study_that_is_driven_is_not_driven_twice_nor_deleted(place, here):
    finished_study(place)
    with place.record.driver_lock("old"):
        told = here("resume", "old", "--trials", "6", "--quiet", "--accept-changes")
        assert "driven by another process" in _error(told)
        assert "driven by another process" in _error(here("delete", "old", "--yes"))

    assert place.record.history(place.record.study("old")).length == 4


def test_sync_of_a_running_study_does_not_wait_for_its_end(place, here):
    study = finished_study(place)
    with place.record.driver_lock("old"), delivery._delivery_lock(place.record, study):
        assert "the driver of old delivers while it works" in _error(here("sync", "old"))


def test_a_study_that_wants_gpus_is_not_resumed_where_there_are_none(place, here):
    finished_study(place, gpus_per_trial=0.25)

    told = here("resume", "old", "--trials", "6", "--accept-changes")

    assert "gpus_per_trial must be at most what this machine has (no GPU)" in _error(told)


def test_stop_of_a_study_that_does_not_run(place, here):
    finished_study(place)

    assert "old is not running" in _error(here("stop", "old"))


def test_resume_says_what_has_changed_since(place, here):
    finished_study(place)  # by "code c"

    line = _error(here("resume", "old", "--trials", "6"))

    assert "--accept-changes" in line
    assert "code c → " in line
