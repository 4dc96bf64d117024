"""The lock of the test split, and the ledger of its readings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search.models import test_split
from search.record.record import Record, open_record
from search.tasks.config import StudyConfig
from tests.coin_task import DATA, SPLIT_HASH
from tests.conftest import ROOT
from trainables.cnn import data as cnn_data
from trainables.errors import DataError, SplitLockedError
from trainables.sts import data as sts_data
from trainables.test_split_lock import keep_test_split_locked, unlocked_test_split

ORIGIN = {"code": "c", "data": "d", "space": "s", "versions": {}, "baselines": {}}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


def _read(record: Record, *models: str, study: str = "s") -> test_split.Readings:
    test_split.read(
        record, DATA, "questions", None, model_hashes=models, study=study, purpose="test"
    )
    return test_split.count(record, DATA, "questions", study)


@pytest.mark.parametrize("data", [sts_data, cnn_data], ids=["sts", "cnn"])
@pytest.mark.parametrize("number", [0, 1], ids=["real", "toy"])
def test_a_test_split_is_locked_before_anything_is_opened(data, number, tmp_path):
    with pytest.raises(SplitLockedError, match="`promote` and `predict --evaluate` only"):
        data.load_test(data.DATASETS[number], tmp_path)


@pytest.mark.parametrize(
    ("data", "name"),
    [(sts_data, "stsbenchmark/sts-test.csv"), (cnn_data, "cifar-10-batches-py/test_batch")],
    ids=["sts", "cnn"],
)
def test_whether_it_is_there_is_known_without_opening_it(data, name, tmp_path):
    keep_test_split_locked()
    path = tmp_path / name
    path.parent.mkdir()

    with pytest.raises(DataError, match=f"{path.name} is missing"):
        test_split.check(data, data.DATASETS[0], tmp_path)
    path.write_text("not the published file: who read it would say so")
    test_split.check(data, data.DATASETS[0], tmp_path)
    test_split.check(data, "toy", None)


@pytest.mark.parametrize("data", [sts_data, cnn_data], ids=["sts", "cnn"])
def test_it_opens_in_one_context_and_is_locked_after_it(data):
    with unlocked_test_split():
        test = data.load_test("toy", None)
    with pytest.raises(SplitLockedError):
        data.load_test("toy", None)

    assert len(test.labels) == len(test.groups) > 0


def test_it_is_locked_again_after_an_error():
    with pytest.raises(ZeroDivisionError), unlocked_test_split():
        _ = 1 / 0
    with pytest.raises(SplitLockedError):
        sts_data.load_test("toy", None)


def test_a_process_that_trains_cannot_open_it():
    keep_test_split_locked()

    with pytest.raises(SplitLockedError, match="in a process that trains"), unlocked_test_split():
        pytest.fail("it opened")


def test_the_same_weights_are_one_reading(record):
    assert str(_read(record, "m1", "m2")) == (
        "test split read for 2 models by this study, 2 in all"
    )
    assert _read(record, "m1", "m2").study == 2
    other = _read(record, "m2", "m3", study="other")

    assert (other.study, other.all) == (1, 3)


def test_another_split_is_another_ledger(record):
    record.ledger.note("m1", "another split", study="s", purpose="test")

    assert _read(record, "m1").all == 1


def test_the_ledger_outlives_the_study(record):
    config = StudyConfig(name="s", task="tests.coin_task:TASK", dataset="questions")
    study = record.create(config, ORIGIN)
    _read(record, "m1")

    record.delete(study)

    assert record.ledger.count(SPLIT_HASH) == 1


def test_deleting_a_study_takes_its_promotion_along(record):
    config = StudyConfig(name="s", task="tests.coin_task:TASK", dataset="questions")
    study = record.create(config, ORIGIN)
    record.create(
        StudyConfig(
            name="s.confirm", task=config.task, dataset="questions", phase="confirm", parent="s"
        ),
        ORIGIN,
    )

    record.delete(study)

    assert record.studies() == []


def test_a_reading_that_is_killed_is_on_the_ledger(record):
    """The process dies at the moment the data opens."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from search.models import test_split\n"
        "from search.record.record import open_record\n"
        "from tests.coin_task import DATA\n"
        "DATA.load_test = lambda *_: os.kill(os.getpid(), 9)\n"
        "record = open_record(Path(sys.argv[1]))\n"
        "test_split.read(record, DATA, 'questions', None,"
        " model_hashes=['m1'], study='s', purpose='')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(record.folder)], cwd=ROOT)

    assert killed.returncode == -9
    assert record.ledger.count(SPLIT_HASH, "s") == 1
    assert _read(record, "m1").all == 1  # again is no new reading
