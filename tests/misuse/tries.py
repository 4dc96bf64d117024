"""One try: files in an empty folder, commands typed there, and what must have become of them.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search.decisions.history import History
from search.errors import UserError
from search.record.record import Record, Study
from tests.conftest import Place
from tests.misuse.quick import formula

__all__ = [
    "RUN",
    "Finding",
    "Said",
    "Step",
    "Try",
    "carry_out",
    "each_fate",
    "fails",
    "refused",
    "somewhere",
    "works",
]

QUICK = Path(__file__).with_name("quick.py")
HANGS_S = 240.0
RUN = "search run mine:TASK --trials 4 --workers 1 --name s --quiet"
# What commands are typed after: no try leaves processes of its own in the shell's way.
PRELUDE = f'set -o pipefail; search() {{ "{sys.executable}" -m search "$@"; }}; '
MOST_LINES = 3


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command, as typed in bash, where `search` is `python -m search`."""

    command: str
    codes: tuple[int, ...] = (0,)
    # A regular expression, found in what it printed.
    says: str = ""
    # What is wrong with what it printed or left; nothing if all is well.
    check: Callable[[Place, Said], str | None] = lambda place, said: None
    env: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Try:
    """`mine` is the module mine.py, beside quick.py. `failed`: how many of the trials may fail:
    none, some (not all), all, any."""

    name: str
    mine: str = "from quick import *\n"
    files: Mapping[str, bytes] = field(default_factory=dict)
    steps: tuple[Step, ...] = (Step(command=RUN),)
    failed: str = "none"
    # A regular expression, found in the reason of each failed trial.
    reason: str = ""
    # Named point → what its failure says, or None where it must complete; then these are judged.
    fates: Mapping[str, str | None] = field(default_factory=dict)
    # Whether the study goes on by `resume`, once the steps are done.
    resumed: bool = True
    # Whether each epoch's score is the formula's.
    by_formula: bool = True
    # Whether a study s of four trials is on record already, as `RUN` of the plain task leaves it.
    begun: bool = False
    # Before the first command.
    prepare: Callable[[Place], None] = lambda place: None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a try showed to be wrong."""

    what: str


def works(name: str, mine: str = "", **rest: object) -> Try:
    """A study of it is trained as if nothing were."""
    return Try(name=name, mine=f"from quick import *\n{mine}\n", **rest)  # type: ignore[arg-type]


def fails(name: str, mine: str, *, reason: str, failed: str = "some", **rest: object) -> Try:
    """Trials of it fail with that reason, and the study goes on."""
    return works(name, mine, failed=failed, reason=reason, **rest)


def refused(name: str, mine: str, says: str, **rest: object) -> Try:
    """It is refused before the start, in one line."""
    step = Step(command=RUN, codes=(2,), says=says, check=_short)
    return works(name, mine, steps=(step,), resumed=False, **rest)


def somewhere(name: str, env: Mapping[str, str | None], *, begun: bool) -> Try:
    """A study is begun in that environment, or one that is on record goes on there."""
    command = "search resume s --trials 6" if begun else RUN.replace(" --quiet", "")
    look = "search show s && search list && search --help && search run --help"
    steps = (Step(command=command, env=env), Step(command=look, env=env))
    return works(name, begun=begun, steps=steps, resumed=not begun)


FATED = """
FATES = {fates!r}
@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.5
    fate: str = "none"
{train}
# A fine one first: where all fail that were begun, a study is given up.
POINTS = {{"fine": {{"x": 0.09}}}}
POINTS |= {{name: {{"x": 0.1 + 0.01 * i, "fate": name}} for i, name in enumerate(FATES)}}
TASK = replace(TASK, config=Config, train=train, points=POINTS)
TASK = replace(TASK, first_points=lambda f: tuple(POINTS))
"""


def each_fate(name: str, train: str, fates: Mapping[str, tuple[str, str | None]]) -> Try:
    """One study in which each named point has a fate of its own: code, and what its failure says
    (None: it must complete). `train` finds the code at `FATES[config.fate]`; two trials have none.
    """
    codes = {fate: code for fate, (code, _) in fates.items()}
    command = RUN.replace("--trials 4", f"--trials {len(fates) + 2}")
    return works(
        name,
        FATED.format(fates={**codes}, train=train),
        steps=(Step(command=command),),
        fates={fate: reason for fate, (_, reason) in fates.items()},
    )


def _short(place: Place, said: Said) -> str | None:
    lines = [line for line in said.err.splitlines() if line.strip()]
    return f"{len(lines)} lines for one refusal" if len(lines) > MOST_LINES else None


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
