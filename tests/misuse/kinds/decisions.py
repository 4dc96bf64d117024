"""Studies in which trials fail wherever decisions are made."""

from __future__ import annotations

import json

from tests.conftest import Place
from tests.misuse.tries import RUN, Said, Step, Try, works

FAILS = """
def train(config, data, *, seed, max_epochs, resume_from=None):
    def each(number):
        if {when}:
            raise FloatingPointError("diverged")
    return epochs(config, max_epochs, resume_from, each=each)
TASK = replace(TASK, train=train, max_epochs=9)
"""
# When a trial fails: the trials of the study, and how many may fail.
LATE = {
    "the best ones diverge late": ("number == 5 and config.x < 0.5", 9, "any"),
    "all but one part diverges at the second rung": ("number == 4 and config.x < 0.6", 12, "any"),
    "the best half fails at once": ("config.x < 0.5", 9, "some"),
}
PICKY = """
def space(trial):
    x = trial.suggest_float("x", 0.0, 1.0)
    if x > {most}:
        raise LookupError("nothing there")
    return {{"x": x}}
TASK = replace(TASK, space=space)
"""


def tries() -> list[Try]:
    return [
        *[
            works(
                name,
                FAILS.format(when=when),
                steps=(
                    Step(command=RUN.replace("--trials 4", f"--trials {trials}")),
                    Step(command="search show s --json", check=_has_a_winner),
                ),
                failed=failed,
                reason="diverged",
            )
            for name, (when, trials, failed) in LATE.items()
        ],
        *[
            works(
                f"{trials} trials of 9 epochs {more}".strip(),
                steps=(
                    Step(command=f"{RUN} --trials {trials} --max-epochs 9 {more}"),
                    Step(command="search show s --json", check=_has_a_winner),
                ),
            )
            for trials, more in ((1, ""), (2, ""), (2, "--scheduler asha-published"))
        ],
        works(
            "a space that refuses four of five draws",
            PICKY.format(most=0.2),
            steps=(
                Step(command=RUN.replace("--trials 4", "--trials 20")),
                Step(command="search show s --json", check=_has_a_winner),
            ),
            failed="some",
            reason="LookupError: nothing there",
        ),
        works(
            "every trial fails",
            FAILS.format(when="number == 1"),
            steps=(
                Step(command=RUN.replace("--trials 4", "--trials 40"), codes=(1,), says="every"),
                # A resume is another try.
                Step(command="search resume s --quiet", codes=(1,), says="every trial fails"),
            ),
            failed="all",
            reason="diverged",
        ),
    ]


def _has_a_winner(place: Place, said: Said) -> str | None:
    summary = json.loads(said.out)
    if summary["state"] != "finished" or summary["best"] is None:
        return f"no winner: {summary['state']}, {summary['trials']}"
    if summary["epochs"] > summary["epochs_planned"]:
        return f"{summary['epochs']} epochs of at most {summary['epochs_planned']}"
    return None
