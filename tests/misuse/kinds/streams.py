"""Streams, terminals and locales."""

from __future__ import annotations

from tests.misuse.kinds.processes import AS_IT_LIKES
from tests.misuse.tries import RUN, Step, Try, each_fate, somewhere, works

CLOSED = [
    "<&-",
    ">&-",
    "2>&-",
    "<&- >&-",
    "<&- >&- 2>&-",
    ">/dev/full",
    "2>/dev/full",
    "< /dev/zero",
]
LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LANG": "POSIX", "LC_ALL": None, "PYTHONUTF8": "0"},
    "Latin-1": {"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "latin-1"},
    "ASCII only": {"PYTHONIOENCODING": "ascii"},
    "a locale that is not there": {"LC_ALL": "xx_YY.UTF-8"},
}
TERMINALS = {
    "20 columns": {"COLUMNS": "20"},
    "no columns": {"COLUMNS": "0"},
    "columns that are no number": {"COLUMNS": "wide", "LINES": "-1"},
    "a dumb one": {"TERM": "dumb"},
    "none": {"TERM": None, "HOME": "/nonexistent"},
    "no colour": {"NO_COLOR": "1", "FORCE_COLOR": "1"},
}
PRINTING = {
    "prints other alphabets": "print('é 精度 🎯 \\udcff', flush=True)",
    "prints a hundred thousand lines": "[print('line', i) for i in range(100_000)]",
    "prints one line of 10 MB": "print('x' * 10_000_000)",
    "prints bytes that are no text": "import os; os.write(1, b'\\xff\\x00'); os.write(2, b'\\x80')",
    "closes its streams": "import os; number == 1 and (os.close(1), os.close(2))",
    "closes sys.stdout": "import sys; sys.stdout.close()",
    "loses sys.stdout": "import sys; sys.stdout = sys.stderr = None",
    "redirects file descriptor 1": (
        "import os; f = os.open(os.devnull, os.O_WRONLY); os.dup2(f, 1); os.dup2(f, 2); os.close(f)"
    ),
    "logs": ("import logging; logging.basicConfig(level=0, force=True); logging.error('é')"),
    "warns": "import warnings; warnings.simplefilter('error')",
    "draws a bar": "import sys; [sys.stderr.write(f'\\r{i}') for i in range(1000)]",
    "reads its input": "import sys; sys.stdin.read() if sys.stdin else None",
}


def tries() -> list[Try]:
    return [
        *[
            works(f"streams: {how}", steps=(Step(command=f"{RUN} {how}", codes=(0, 1)),))
            for how in CLOSED
        ],
        *[
            works(
                f"looking with streams {how}",
                begun=True,
                steps=(Step(command=f"search list {how}", codes=(0, 1, 2)),),
                resumed=False,
            )
            for how in (">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full")
        ],
        works(
            "a pipe that closes early",
            begun=True,
            steps=(Step(command="set +o pipefail; search show s | head -1; search list | true"),),
            resumed=False,
        ),
        *[
            works(
                f"a locale: {name}",
                _each("print('é 精度 🎯')"),
                steps=(
                    Step(command=RUN, env=env),
                    Step(command="search show s --trial 0 && search list", env=env),
                ),
            )
            for name, env in LOCALES.items()
        ],
        *[
            somewhere(f"a terminal: {name}", env, begun=number % 2 == 1)
            for number, (name, env) in enumerate(TERMINALS.items())
        ],
        each_fate(
            "training that prints as it likes",
            AS_IT_LIKES.format(when="True"),
            {name: (code, None) for name, code in PRINTING.items()},
        ),
    ]


def _each(code: str) -> str:
    """`code` runs in each epoch."""
    return (
        f"def each(number):\n    {code}\n"
        "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
        "    return epochs(config, max_epochs, resume_from, each=each)\n"
        "TASK = replace(TASK, train=train)"
    )
