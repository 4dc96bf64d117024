"""The contract of the record, on each of its databases; test_sqlite.py and test_postgresql.py hold
what is one's own."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from search.decisions.history import Suggestion
from search.errors import RecordError, StudyLockedError
from search.record.ledger import COMPARED
from search.record.record import Record, open_record
from search.tasks.config import StudyConfig
from tests.search.record.small import ORIGIN, config, run_python
from tests.search.studies import epoch, failure, scored, segment, session, suggestion

EVENTS = [
    *scored({1: 0.1}, {1: 0.25, 3: 1 / 3}),
    suggestion(2, source="tpe", x=0.1, layers=2, kind="plain", norm=True),
    segment(2, 1, 1),
    failure(2, 1, attempt=0, final=False),
    failure(2, 1, attempt=1),
    session("finished", 3),
]


def test_a_study_comes_back_as_it_was_created(record, study):
    reopened = open_record(record.folder, url=record.url)

    assert reopened.study("s") == study
    assert study.config == config("s")
    assert study.origin == ORIGIN
    assert abs(study.created_at - time.time()) < 60


def test_studies_are_listed_in_the_order_of_their_creation(record):
    for name in ("b", "a", "c"):
        record.create(config(name), ORIGIN)

    assert [study.name for study in record.studies()] == ["b", "a", "c"]


def test_events_come_back_equal_and_in_order(record, study):
    added = record.append(study, *EVENTS)

    read = open_record(record.folder, url=record.url).events(study)

    assert [event for _, _, event in read] == EVENTS
    assert [(at, event) for _, at, event in read] == added
    assert [sequence for sequence, _, _ in read] == list(range(1, len(EVENTS) + 1))


def test_numbers_come_back_bit_for_bit_and_a_configuration_in_its_order(record, study):
    numbers = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 0.0, 123456789.123]
    config = dict(zip("gfedcba", numbers, strict=True))
    seed = 2**63 - 1
    suggested = Suggestion(trial=0, config=config, seed=seed, source="a name " * 100)
    metrics = {"score": 0.0, **config}
    ended = dataclasses.replace(epoch(0, 1, 0.5), metrics=metrics, cpu_s=1 / 3, wall_s=5e-324)
    record.append(study, session("started"), suggested, ended)

    _, (_, _, suggested_back), (_, _, ended_back) = record.events(study)

    assert list(suggested_back.config.items()) == list(config.items())
    assert repr(suggested_back) == repr(suggested)
    assert repr(ended_back) == repr(ended)


def test_the_history_read_back_is_the_one_lived_through(record, study):
    lived = record.history(study)
    for event in EVENTS:
        for at, added in record.append(study, event):
            lived.apply(at, added)

    assert vars(open_record(record.folder, url=record.url).history(study)) == vars(lived)


def test_a_cursor_reads_only_what_is_new(record, study):
    record.append(study, *EVENTS[:4])
    cursor = record.events(study)[-1][0]
    assert record.events(study, cursor) == []

    record.append(study, *EVENTS[4:])

    assert [event for _, _, event in record.events(study, cursor)] == EVENTS[4:]


def test_a_reader_sees_a_record_as_of_one_moment(record, study):
    """What is added between its queries it sees next time, and a cursor passes over nothing."""
    record.append(study, session("started"))
    reader = open_record(record.folder, url=record.url)
    added = iter([suggestion(0), segment(0, 1, 1), epoch(0, 1, 0.5)])

    def meanwhile(*_: object) -> None:
        for event in added:
            record.append(study, event)

    with reader._database.connect():  # so that the next query is one of events
        sa.event.listen(reader._database.engine, "after_cursor_execute", meanwhile)
    first = reader.events(study)
    rest = reader.events(study, first[-1][0])

    assert [sequence for sequence, _, _ in first] == [1]
    assert [sequence for sequence, _, _ in rest] == [2, 3, 4]


def test_a_clock_set_back_between_two_drivers_puts_nothing_before_what_was(record, study):
    record.append(study, session("started"))
    later = open_record(record.folder, url=record.url)
    later._clock_began -= 3600.0
    later.append(study, suggestion(0), segment(0, 1, 1))

    times = [at for _, at, _ in record.events(study)]
    assert times == sorted(times)
    assert times[-1] - times[0] < 60


def test_drivers_that_make_the_record_at_once_all_have_it(url, tmp_path):
    at_once, times = threading.Barrier(8), 10 if url else 50  # a server bears 100 connections

    def make(number: int) -> Record:
        at_once.wait()
        return open_record(tmp_path / str(number // 8), url=url, create=True)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8 * times)))
    assert all(record.studies() == [] for record in made)


def test_two_studies_do_not_see_each_other_s_events(record, study):
    other = record.create(config("other"), ORIGIN)
    record.append(study, *EVENTS)
    record.append(other, session("started", 1))

    assert [event for _, _, event in record.events(other)] == [session("started", 1)]
    assert len(record.events(study)) == len(EVENTS)


@pytest.mark.parametrize(
    "again",
    [epoch(0, 1, 0.9), suggestion(1, x=0.9), failure(2, 1, attempt=1)],
    ids=["epoch", "suggestion", "failure"],
)
def test_what_is_on_record_is_recorded_once(record, study, again):
    record.append(study, *EVENTS)

    with pytest.raises(sa.exc.IntegrityError):
        record.append(study, again)
    assert [event for _, _, event in record.events(study)] == EVENTS


def test_events_of_one_append_are_on_record_together_or_not_at_all(record, study):
    record.append(study, *EVENTS)

    with pytest.raises(sa.exc.IntegrityError):
        record.append(study, session("started"), epoch(0, 1, 0.9))

    assert len(record.events(study)) == len(EVENTS)


def test_a_name_in_use_says_resume(record, study):
    with pytest.raises(RecordError, match=r"a study named 's' exists.*search resume s"):
        record.create(config("s"), ORIGIN)

    assert record.studies() == [study]


def test_an_unknown_name_lists_those_there(record, study):
    record.create(config("other"), ORIGIN)

    with pytest.raises(RecordError, match=r"no study named 'x' in .*; there: s, other"):
        record.study("x")


def test_what_was_committed_before_a_kill_is_there(record, study):
    """The child appends as fast as it can until it is killed: no gap, no half event."""
    code = (
        "import itertools, sys; from pathlib import Path\n"
        "from search.record.record import open_record\n"
        "from tests.search.studies import suggestion, segment, session\n"
        "record = open_record(Path(sys.argv[1])); study = record.study('s')\n"
        "record.append(study, session('started'))\n"
        "for n in itertools.count():\n"
        "    record.append(study, suggestion(n), segment(n, 1, 1)); print(n, flush=True)\n"
    )
    with run_python(code, record) as child:
        printed = -1
        while printed < 20:
            printed = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        printed = max([printed, *(int(n) for n in child.stdout.read().split())])

    trials = record.history(study).trials

    assert len(trials) in (printed + 1, printed + 2)  # the last may have been on its way to us
    assert all(trial.target == 1 for trial in trials)


def test_requests_reach_the_driver_in_order_and_once(record, study):
    record.requests.add(study, "stop")
    record.requests.add(study, "stop now")

    (first, _), (second, _) = found = record.requests.after([study], 0)

    assert [request for _, request in found] == ["stop", "stop now"]
    assert record.requests.after([study], first) == [(second, "stop now")]
    assert record.requests.newest([study]) == second
    other = record.create(config("other"), ORIGIN)
    assert record.requests.newest([other]) == 0
    assert record.requests.after([other, study], first) == [(second, "stop now")]


def test_a_deleted_study_is_gone_and_its_name_free(record, study):
    other = record.create(config("other"), ORIGIN)
    for each in (study, other):
        record.append(each, *EVENTS)
        record.requests.add(each, "stop")
        (record.study_folder(each.name) / "logs").mkdir(parents=True)

    record.delete(study)

    assert record.studies() == [other]
    assert not record.study_folder("s").exists()
    assert [event for _, _, event in record.events(other)] == EVENTS
    assert record.requests.after([other], 0) != []
    again = record.create(config("s"), ORIGIN)
    assert record.events(again) == []


def test_a_study_is_deleted_with_the_runs_of_its_promotion(record, study):
    config = StudyConfig(
        name="s-confirm", task="curve", dataset="ones", phase="confirm", parent="s"
    )
    record.create(config, ORIGIN)

    record.delete(study)

    assert record.studies() == []


@pytest.mark.parametrize("driven", ["s", "s-final"])
def test_a_refused_deletion_has_deleted_nothing(record, study, driven):
    parts = [
        record.create(
            StudyConfig(name=f"s-{phase}", task="curve", dataset="ones", phase=phase, parent="s"),
            ORIGIN,
        )
        for phase in ("confirm", "final")
    ]

    with record.driver_lock(driven), pytest.raises(StudyLockedError, match=driven):
        open_record(record.folder, url=record.url).delete(study)

    assert record.studies() == [study, *parts]


def test_a_reading_of_a_test_split_is_counted_once_a_model(record, study):
    first, other = ("m1", "t", "s"), ("m2", "t", "other")
    for model, split, by in (first, first, other, ("m1", "u", "s")):
        record.ledger.note(model, split, study=by, purpose="promote")

    assert record.ledger.count("t") == 2
    assert record.ledger.count("t", study="s") == 1
    assert record.ledger.count("never read") == 0
    record.ledger.note("m1", "v", study="s", purpose=COMPARED)
    assert record.ledger.tested_by("s") == 2


def test_readings_outlive_their_study_and_their_process(record, study):
    record.ledger.note("m1", "t", study="s", purpose="promote")

    record.delete(study)

    assert open_record(record.folder, url=record.url).ledger.count("t", study="s") == 1
