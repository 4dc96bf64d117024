"""A user's functions raise: anything, anywhere."""

from __future__ import annotations

from tests.misuse.tries import RUN, Step, Try, each_fate, fails, refused, works

# What is raised → what is said of it.
RAISED = {
    "ValueError('no such unit')": "no such unit",
    "KeyError('width')": "width",
    "SystemExit('no such optimiser')": "no such optimiser",
    "SystemExit(0)": "SystemExit",
    "KeyboardInterrupt()": "KeyboardInterrupt",
    "StopIteration()": "StopIteration",
    "GeneratorExit()": "GeneratorExit",
    "RecursionError('too deep')": "too deep",
    "MemoryError()": "MemoryError",
    "OSError(28, 'No space left on device')": "No space left",
    "ValueError('two\\nlines')": "two",
    "ValueError('x' * 100_000)": "xxx",
    "ValueError('\\udcff café')": "caf",
    "AssertionError()": "AssertionError",
    "Mute()": "Mute",
    "Unpicklable()": "Unpicklable",
    "Base('its own root')": "its own root",
    "ImportError('no module of that name')": "no module",
}
CLASSES = """
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")
class Unpicklable(Exception):
    def __init__(self):
        self.hook = lambda: 0
class Base(BaseException):
    pass
def throw(error):
    raise error
def _fate(config):
    throw(eval(FATES[config.fate]))
"""
IN_TRAINING = {
    "the call": """
def train(config, data, *, seed, max_epochs, resume_from=None):
    if config.fate in FATES: _fate(config)
    return epochs(config, max_epochs, resume_from)
""",
    "an epoch": """
def train(config, data, *, seed, max_epochs, resume_from=None):
    each = lambda number: number == 2 and config.fate in FATES and _fate(config)
    return epochs(config, max_epochs, resume_from, each=each)
""",
    "the state": """
def train(config, data, *, seed, max_epochs, resume_from=None):
    for epoch in epochs(config, max_epochs, resume_from):
        yield replace(epoch, state=lambda: _fate(config)) if config.fate in FATES else epoch
""",
    "the predictions": """
def train(config, data, *, seed, max_epochs, resume_from=None):
    for epoch in epochs(config, max_epochs, resume_from):
        yield replace(epoch, predictions=lambda: _fate(config)) if config.fate in FATES else epoch
""",
}
IN_A_DRAW = {
    "the space": """
def space(trial):
    x = trial.suggest_float("x", 0.0, 1.0)
    if x > 0.5: throw({0})
    return {{"x": x}}
TASK = replace(TASK, space=space)
""",
    "the configuration": """
@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.4
    def __post_init__(self):
        if self.x > 0.5: throw({0})
TASK = replace(TASK, config=Config)
""",
}
BEFORE = {
    "data": "TASK = replace(TASK, data=replace(DATA, make=lambda: throw({0})))",
    "labels": "TASK = replace(TASK, data=replace(DATA, labels=lambda data: throw({0})))",
    "objective": (
        "TASK = replace(TASK, data=replace(DATA, objective=lambda labels, guess: throw({0}), "
        "baselines=lambda data: {{'zero': np.zeros(EXAMPLES)}}))"
    ),
    "baselines": "TASK = replace(TASK, data=replace(DATA, baselines=lambda data: throw({0})))",
    "first points": "TASK = replace(TASK, first_points=lambda fixed: throw({0}))",
    "import": "throw({0})",
    "every draw": "TASK = replace(TASK, space=lambda trial: throw({0}))",
    "the size of a checkpoint": "TASK = replace(TASK, checkpoint_mib=lambda fixed: throw({0}))",
}


def tries() -> list[Try]:
    """Each place with some of what can be raised, so that each is raised somewhere."""
    raised = list(RAISED.items())
    made = []
    for where, code in IN_TRAINING.items():
        fates = {what[:40]: (what, says) for what, says in raised}
        made.append(each_fate(f"{where} raises anything", CLASSES + code, fates))
    for shift, (where, code) in enumerate(IN_A_DRAW.items()):
        for what, says in raised[shift % 6 :: 6]:
            mine = CLASSES + code.format(what)
            made.append(fails(f"{where} raises {_short(what)}", mine, reason=says, failed="any"))
    for shift, (where, code) in enumerate(BEFORE.items()):
        for what, says in raised[shift % 9 :: 9]:
            made.append(
                refused(f"{where} raises {_short(what)}", CLASSES + code.format(what), says)
            )
    return made + _others()


def _short(what: str) -> str:
    return what[:32]


def _others() -> list[Try]:
    loud = "import sys\nprint('HELLO')\nprint('THERE', file=sys.stderr)\n"
    json_only = "search run mine:TASK --trials 2 --workers 1 --name s --json 2>/dev/null"
    return [
        works(
            "prints at import do not reach --json",
            loud,
            steps=(
                Step(command=f"{json_only} | python -c 'import json, sys; json.load(sys.stdin)'"),
            ),
        ),
        works(
            "draws and data that print do not reach --json",
            "def loud():\n    print('HELLO')\n    return make()\n"
            "def space(trial):\n    print('DRAWN')\n"
            "    return {'x': trial.suggest_float('x', 0, 1)}\n"
            "TASK = replace(TASK, space=space, data=replace(DATA, make=loud))",
            steps=(
                Step(command=f"{json_only} | python -c 'import json, sys; json.load(sys.stdin)'"),
            ),
        ),
        Try(
            name="a module that does not parse",
            mine="def train(:\n",
            steps=(Step(command=RUN, codes=(2,), says="mine"),),
            resumed=False,
        ),
        Try(
            name="a module that is not there",
            steps=(Step(command="search run nowhere:TASK --trials 2", codes=(2,), says="nowhere"),),
            resumed=False,
        ),
        Try(
            name="an attribute that is not there",
            steps=(Step(command="search run mine:TUSK --trials 2", codes=(2,), says="TUSK"),),
            resumed=False,
        ),
        Try(
            name="an attribute that is no task",
            steps=(Step(command="search run mine:np --trials 2", codes=(2,), says="np"),),
            resumed=False,
        ),
        fails(
            "training that returns nothing",
            "TASK = replace(TASK, train=lambda *a, **o: None)",
            reason="None|generator|iter",
            failed="all",
            steps=(Step(command=RUN, codes=(1,)),),
        ),
        fails(
            "training that yields no Epoch",
            "TASK = replace(TASK, train=lambda *a, **o: iter([{'score': 1.0}] * 3))",
            reason="Epoch|dict",
            failed="all",
            steps=(Step(command=RUN, codes=(1,)),),
        ),
        fails(
            "training that ends early",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    return epochs(config, min(max_epochs, 1), resume_from)\n"
            "TASK = replace(TASK, train=train)",
            reason="epoch|end",
            failed="any",
            steps=(Step(command=RUN, codes=(0, 1)),),
        ),
        fails(
            "training that counts epochs from 0",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    for epoch in epochs(config, max_epochs, resume_from):\n"
            "        yield replace(epoch, number=epoch.number - 1)\n"
            "TASK = replace(TASK, train=train)",
            reason="epoch",
            failed="all",
            steps=(Step(command=RUN, codes=(1,)),),
        ),
        fails(
            "training that takes no seed",
            "TASK = replace(TASK, train=lambda config, data, max_epochs, resume_from=None: 0)",
            reason="seed",
            failed="all",
            steps=(Step(command=RUN, codes=(1, 2)),),
        ),
        fails(
            "predictions of another length",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    for epoch in epochs(config, max_epochs, resume_from):\n"
            "        yield replace(epoch, predictions=lambda: np.zeros(7))\n"
            "TASK = replace(TASK, train=train)",
            reason="20|7|predictions",
            failed="any",
            steps=(Step(command=RUN, codes=(0, 1)),),
        ),
        fails(
            "predictions that are no array",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    for epoch in epochs(config, max_epochs, resume_from):\n"
            "        yield replace(epoch, predictions=lambda: 'many')\n"
            "TASK = replace(TASK, train=train)",
            reason="predicts each of the 20",
            failed="any",
            steps=(Step(command=RUN, codes=(0, 1)),),
        ),
    ]
