"""Carries out a try, and says what it has shown to be wrong.

Whatever is tried, no command ends in a traceback of ours or hangs, each epoch on record has the
numbers that its formula gives, and the study can be resumed.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from search.decisions.history import History
from search.errors import UserError
from search.record.record import Record, Study
from tests.conftest import Place
from tests.misuse.quick import formula
from tests.misuse.tries import Said, Step, Try, works

__all__ = ["Finding", "carry_out"]

QUICK = Path(__file__).with_name("quick.py")
HANGS_S = 240.0
# What commands are typed after: no try leaves processes of its own in the shell's way.
PRELUDE = f'set -o pipefail; search() {{ "{sys.executable}" -m search "$@"; }}; '


@dataclass(frozen=True)
class Finding:
    """What a try showed to be wrong."""

    what: str


def carry_out(one: Try, folder: Path) -> list[Finding]:
    """Make its files in a new place in `folder`, type its commands; what is wrong."""
    place = Place(folder)
    for name, content in {"quick.py": QUICK.read_bytes(), **one.files}.items():
        path = place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (place.folder / "mine.py").write_text(one.mine, encoding="utf-8", errors="surrogateescape")
    if one.begun:
        shutil.copytree(_begun_study(), place.folder, dirs_exist_ok=True)
    one.prepare(place)
    findings = []
    for step in one.steps:
        findings += _typed(place, step)
    study = _study(place)
    if study is not None:
        findings += _judge_record(one, *study)
    if one.resumed and not findings:
        if study is None:
            return [Finding("no study is on record")]
        findings += _resumed(one, place, study[1])
    return findings


@functools.cache
def _begun_study() -> Path:
    """The project in which `RUN` trained the plain task, once for all that go on from there."""
    folder = Path(tempfile.mkdtemp(prefix="misuse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if findings := carry_out(works("a study to go on from", resumed=False), folder):
        raise RuntimeError(findings[0].what)
    return folder / "work"


def _typed(place: Place, step: Step) -> list[Finding]:
    said = _run(place, step)
    if said is None:
        return [Finding(f"`{step.command}` hung for {HANGS_S:.0f} s")]
    printed = said.out + said.err
    wrong = []
    if "Traceback (most recent call last)" in printed:
        wrong.append(f"a traceback: {_last_line(printed)}")
    if said.code not in step.codes:
        wrong.append(f"exit code {said.code}, not {step.codes}: {_last_line(said.err)}")
    if not re.search(step.says, printed, re.DOTALL):
        wrong.append(f"does not say {step.says!r}: {printed[-300:]!r}")
    if (what := step.check(place, said)) is not None:
        wrong.append(what)
    return [Finding(f"`{step.command}`: {what}") for what in wrong]


def _run(place: Place, step: Step) -> Said | None:
    env = {**place.env, **step.env}
    process = subprocess.Popen(
        ["bash", "-c", PRELUDE + step.command],
        cwd=place.folder,
        env={name: value for name, value in env.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=HANGS_S)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Said(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["(nothing)"])[-1][:300]


def _study(place: Place) -> tuple[Record, Study] | None:
    if not (place.folder / "studies" / "record.db").exists():
        return None
    try:
        record = place.record
        studies = record.studies()
    except UserError:
        return None
    return (record, studies[0]) if studies else None


def _judge_record(one: Try, record: Record, study: Study) -> list[Finding]:
    history = record.history(study)
    return [*_wrong_failures(one, history), *(_wrong_numbers(history) if one.by_formula else [])]


def _wrong_failures(one: Try, history: History) -> list[Finding]:
    if one.fates:
        return _wrong_fates(one, history)
    failed = [trial for trial in history.trials if trial.failed]
    right = {
        "none": not failed,
        "some": 0 < len(failed) < len(history.trials),
        "all": len(failed) == len(history.trials),
        "any": True,
    }[one.failed]
    wrong = []
    if not right:
        count = f"{len(failed)} of {len(history.trials)} trials failed, not {one.failed}"
        reasons = {trial.failures[-1].reason for trial in failed}
        wrong.append(Finding(f"{count}: {sorted(reasons)}"))
    for trial in failed:
        said = trial.failures[-1].reason
        if not re.search(one.reason, said):
            wrong.append(Finding(f"trial {trial.number} failed by {said!r}, not {one.reason!r}"))
    return wrong[:3]


def _wrong_fates(one: Try, history: History) -> list[Finding]:
    wrong = []
    for trial in history.trials:
        fate = trial.suggestion.source
        reason = one.fates.get(fate)
        said = trial.failures[-1].reason if trial.failed else None
        if reason is None and said is not None:
            wrong.append(Finding(f"{fate}: failed by {said!r}"))
        elif reason is not None and not re.search(reason, said or ""):
            wrong.append(Finding(f"{fate}: {said!r}, not {reason!r}"))
    return wrong


def _wrong_numbers(history: History) -> list[Finding]:
    for trial in history.trials:
        for number, epoch in enumerate(trial.epochs, 1):
            x = float(trial.suggestion.config["x"])  # type: ignore[arg-type]
            right = {"score": formula(x, number), "steps": float(number)}
            for name, value in right.items():
                if not math.isclose(epoch.metrics[name], value, rel_tol=1e-12):
                    was = f"{name} of trial {trial.number}, epoch {number}"
                    return [Finding(f"{was} is {epoch.metrics[name]}, not {value}")]
    return []


def _resumed(one: Try, place: Place, study: Study) -> list[Finding]:
    codes = (0, 1) if one.failed in ("all", "any") else (0,)
    length = study.config.trials + 2
    found = _typed(place, Step(command=f"search resume s --trials {length} --quiet", codes=codes))
    again = _study(place)
    assert again is not None
    return found + _judge_record(one, *again)
