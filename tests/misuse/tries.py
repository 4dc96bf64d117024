"""One try: files in an empty folder, commands typed there, and what must have become of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.conftest import Place

__all__ = [
    "RUN",
    "Said",
    "Step",
    "Try",
    "each_fate",
    "fails",
    "refused",
    "somewhere",
    "works",
]

RUN = "search run mine:TASK --trials 4 --workers 1 --name s --quiet"
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
