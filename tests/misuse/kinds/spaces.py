"""Spaces of every kind."""

from __future__ import annotations

from tests.misuse.tries import RUN, Step, Try, fails, refused, works

TEN = (
    (
        Step(
            command=RUN.replace("--trials 4", "--trials 14"),
        )
    ),
)
EXTRA = """
@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.5
    y: object = None
TASK = replace(TASK, config=Config)
"""
DRAW = (
    EXTRA
    + """
def space(trial):
    return {{"x": trial.suggest_float("x", 0.0, 1.0), "y": {0}}}
TASK = replace(TASK, space=space)
"""
)
GOOD_DRAWS = {
    "choices with None and bools": "trial.suggest_categorical('y', [None, True, False, 0, 'a'])",
    "one choice": "trial.suggest_categorical('y', ['only'])",
    "a range of one number": "trial.suggest_float('y', 0.5, 0.5)",
    "whole numbers beyond 2^53": "trial.suggest_int('y', 2**60, 2**60 + 5)",
    "denormal numbers": "trial.suggest_float('y', 5e-324, 1e-310)",
    "a logarithmic range of 300 decades": "trial.suggest_float('y', 1e-200, 1e100, log=True)",
    "steps": "trial.suggest_float('y', 0.0, 1.0, step=0.1)",
    "choices of long texts": "trial.suggest_categorical('y', ['é' * 400, 'b' * 7000])",
    "choices with signs": "trial.suggest_categorical('y', ['%d', '{}', \"'\", '\"', '\\n', ''])",
    "negative zero": "trial.suggest_categorical('y', [-0.0, 1.0])",
}
BAD_DRAWS = {
    "a range upside down": ("trial.suggest_float('y', 1.0, 0.0)", "low"),
    "a logarithm of 0": ("trial.suggest_float('y', 0.0, 1.0, log=True)", "low"),
    "no choices": ("trial.suggest_categorical('y', [])", "choice"),
    "a choice that is a list": ("trial.suggest_categorical('y', [[1], [2]])", "y"),
    "a choice that is NaN": ("trial.suggest_categorical('y', [float('nan')])", "y|nan"),
    "a range to infinity": ("trial.suggest_float('y', 0.0, float('inf'))", "y|inf|high"),
    "a value that is not drawn": ("trial.suggest_float('z', 0.0, 1.0)", "y|z"),
    "a value changed after the draw": ("2 * trial.suggest_float('y', 0.1, 1.0)", "y"),
}
TWO_KINDS = {
    "int and float": "suggest_int('y', 1, 9)",
    "log and not": "suggest_float('y', 0.1, 1.0, log=True)",
    "choices and float": "suggest_categorical('y', ['a', 'b'])",
    "other bounds": "suggest_float('y', 5.0, 9.0)",
}


def tries() -> list[Try]:
    return [
        *[works(name, DRAW.format(draw)) for name, draw in GOOD_DRAWS.items()],
        *[refused(name, DRAW.format(draw), says) for name, (draw, says) in BAD_DRAWS.items()],
        *[_two_kinds(name, draw) for name, draw in TWO_KINDS.items()],
        works(
            "a partial",
            "from functools import partial\n"
            "def wide(trial, high):\n    return {'x': trial.suggest_float('x', 0.0, high)}\n"
            "TASK = replace(TASK, space=partial(wide, high=0.9))",
        ),
        works(
            "a callable object",
            "class Space:\n    def __call__(self, trial):\n"
            "        return {'x': trial.suggest_float('x', 0, 1)}\n"
            "TASK = replace(TASK, space=Space())",
        ),
        works(
            "a bound method",
            "class Space:\n    def draw(self, trial):\n"
            "        return {'x': trial.suggest_float('x', 0, 1)}\n"
            "TASK = replace(TASK, space=Space().draw)",
        ),
        works(
            "a lambda", "TASK = replace(TASK, space=lambda t: {'x': t.suggest_float('x', 0, 1)})"
        ),
        works("a space of nothing", "TASK = replace(TASK, space=lambda trial: {})"),
        works(
            "a hundred hyperparameters",
            "import dataclasses\n"
            "Config = dataclasses.make_dataclass('Config', [('x', float, 0.5)] + "
            "[(f'h{i}', float, 0.5) for i in range(100)], frozen=True, kw_only=True)\n"
            "def space(trial):\n"
            "    names = ['x'] + [f'h{i}' for i in range(100)]\n"
            "    return {name: trial.suggest_float(name, 0, 1) for name in names}\n"
            "TASK = replace(TASK, config=Config, space=space)",
        ),
        refused(
            "a space that returns None", "TASK = replace(TASK, space=lambda trial: None)", "space"
        ),
        refused(
            "a space that returns a list", "TASK = replace(TASK, space=lambda t: ['x'])", "space"
        ),
        refused(
            "a name that the configuration has not",
            "TASK = replace(TASK, space=lambda t: {'q': t.suggest_float('q', 0, 1)})",
            "q",
        ),
        refused(
            "one name drawn twice in other ranges",
            "TASK = replace(TASK, space=lambda t: {'x': t.suggest_float('x', 0, 1) + "
            "0 * t.suggest_int('x', 1, 3)})",
            "same parameter name|mine.py",
        ),
        fails(
            "a rare refusal in the space",
            "def space(trial):\n    x = trial.suggest_float('x', 0, 1)\n"
            "    if x > 0.8: raise ValueError('too wide')\n    return {'x': x}\n"
            "TASK = replace(TASK, space=space)",
            reason="too wide",
            failed="any",
            steps=TEN,
        ),
        works(
            "a space that looks at the clock",
            "import time\ndef space(trial):\n    time.sleep(0.01)\n"
            "    return {'x': trial.suggest_float('x', 0, 1)}\nTASK = replace(TASK, space=space)",
        ),
    ]


def _two_kinds(name: str, draw: str) -> Try:
    space = (
        "def space(trial):\n"
        "    x = trial.suggest_float('x', 0.0, 1.0)\n"
        f"    y = trial.suggest_float('y', 0.0, 1.0) if x < 0.5 else trial.{draw}\n"
        "    return {'x': x, 'y': y}\nTASK = replace(TASK, space=space)"
    )
    return works(f"one name with two ranges: {name}", EXTRA + space, steps=TEN)
