"""What users' code does to the process it runs in; signals; deaths."""

from __future__ import annotations

from tests.misuse.tries import RUN, Step, Try, each_fate, works

# In each epoch of a trial.
HARMLESS = {
    "changes the folder": "import os; os.chdir('/')",
    "clears the environment": "import os; os.environ.clear()",
    "changes the path of imports": "import sys; sys.path.insert(0, '/nonexistent')",
    "handles signals itself": (
        "import signal; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGINT)]"
    ),
    "starts a thread that lives on": (
        "import threading, time; threading.Thread(target=time.sleep, args=(30,)).start()"
    ),
    "starts a thread that raises": (
        "import threading; threading.Thread(target=lambda: 1 / 0).start()"
    ),
    "starts a child that lives on": "import subprocess; subprocess.Popen(['sleep', '20'])",
    "starts a child that keeps its streams": (
        "import subprocess, sys; subprocess.Popen(['sleep', '20'], stdout=1, stderr=2)"
    ),
    "forks": "import os; p = os.fork(); p or os._exit(3); os.waitpid(p, 0)",
    "forks a child that raises": (
        "import os\np = os.fork()\nif not p: raise ValueError('of the child')\nos.waitpid(p, 0)"
    ),
    "uses a pool of forked processes": (
        "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p: p.map(abs, [1, 2])"
    ),
    "uses a pool of new processes": (
        "import concurrent.futures as c, multiprocessing as m\n"
        "with c.ProcessPoolExecutor(1, m.get_context('spawn')) as p: list(p.map(abs, [1]))"
    ),
    "runs an event loop": "import asyncio; asyncio.run(asyncio.sleep(0))",
    "seeds everything": "import random; random.seed(0); np.random.seed(0)",
    "stops the collector": "import gc; gc.disable()",
    "changes the recursion limit": "import sys; sys.setrecursionlimit(200)",
    "changes json and time": (
        "import json, time; json.dumps = None; time.time = lambda: 0; time.monotonic = lambda: 0"
    ),
    "changes the mask of new files": "import os; os.umask(0o777)",
    "opens many files": "import builtins; builtins.kept = [open(__file__) for _ in range(500)]",
    "registers an exit function that raises": "import atexit; atexit.register(lambda: 1 / 0)",
    "changes the locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "changes torch's threads and kinds": (
        "import torch; torch.set_num_threads(1); torch.set_default_dtype(torch.float64)"
    ),
    "removes its own file": "import os; os.path.exists('mine.py') and None",
    "imports ray": "import ray; ray.is_initialized()",
    "uses ray itself": "import ray; ray.get(ray.put(3))",
    "uses mlflow itself": "import mlflow; mlflow.set_tracking_uri('sqlite:///own.db')",
    "sleeps a moment": "import time; time.sleep(0.05)",
}
# In the second epoch of a trial with x above .5 → the reason that is on record.
DEATHS = {
    "exits at once": ("import os; os._exit(0)", "0|exit"),
    "exits with a code": ("import os; os._exit(77)", "77"),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", "SIGKILL|kill|9"),
    "aborts": ("import os; os.abort()", "SIGABRT|abort|6"),
    "reads beyond its memory": ("import ctypes; ctypes.string_at(0)", "SIGSEGV|segmentation|11"),
    "exits in a thread and dies": (
        "import os, threading, time\n"
        "threading.Thread(target=os._exit, args=(5,)).start(); time.sleep(9)",
        "5|exit",
    ),
    "fills its stack": ("f = lambda n: f(n + 1); f(0)", "recursion"),
    "terminates its group": (
        "import os, signal; os.killpg(0, signal.SIGTERM)",
        "TERM|15|kill|exit",
    ),
}
AS_IT_LIKES = """
def train(config, data, *, seed, max_epochs, resume_from=None):
    def each(number):
        if config.fate in FATES and {when}:
            exec(FATES[config.fate], {{**globals(), "config": config, "number": number}})
    return epochs(config, max_epochs, resume_from, each=each)
"""
BEGUN = (
    "for i in $(seq 300); do search show s 2>/dev/null | grep -q '^ *[0-9]' && break; "
    "sleep .1; done"
)
SLOW = """
import time
def each(number):
    time.sleep(0.3)
def train(config, data, *, seed, max_epochs, resume_from=None):
    return epochs(config, max_epochs, resume_from, each=each)
TASK = replace(TASK, train=train)
"""


def tries() -> list[Try]:
    return [
        each_fate(
            "training that does as it likes",
            AS_IT_LIKES.format(when="True"),
            {name: (code, None) for name, code in HARMLESS.items()},
        ),
        each_fate("training that dies", AS_IT_LIKES.format(when="number == 2"), DEATHS),
        *[
            _signalled(name, after)
            for name in ("TERM", "INT", "KILL", "HUP", "QUIT")
            for after in (2, 7)
        ],
        works(
            "stopped and continued",
            SLOW,
            steps=(
                Step(command=f"{RUN} & sleep 6; kill -STOP $!; sleep 3; kill -CONT $!; wait $!"),
            ),
        ),
        works(
            "interrupted twice",
            SLOW,
            steps=(
                Step(
                    command=f"set -m; {RUN} & {BEGUN}; kill -INT -$!; sleep .3; "
                    "kill -INT -$!; wait $!",
                    codes=(0, 130, 1),
                ),
            ),
            failed="any",
            reason=".",
        ),
        works(
            "asked to stop at its start",
            SLOW,
            steps=(
                Step(
                    command=f"{RUN} & "
                    "for i in $(seq 99); do search stop s 2>/dev/null && break; done; wait $!",
                    codes=(0,),
                ),
                Step(command="search list", says="stopped|finished"),
            ),
        ),
        works(
            "two drivers of one study",
            SLOW,
            steps=(
                Step(
                    command=f"{RUN} & {BEGUN}; search resume s; code=$?; wait $!; exit $code",
                    codes=(2, 0),
                ),
            ),
        ),
        works(
            "deleted while it runs",
            SLOW,
            steps=(
                Step(
                    command=f"{RUN} & {BEGUN}; search delete s --yes; code=$?; wait $!; exit $code",
                    codes=(2, 0),
                ),
            ),
        ),
    ]


def _signalled(name: str, after_s: int) -> Try:
    """The driver gets a signal, before or while it trains; then the study goes on."""
    command = f"set -m; {RUN} & pid=$!; sleep {after_s}; kill -{name} $pid; wait $pid"
    resumed = "search resume s --trials 6 --quiet || "
    return works(
        f"the driver gets SIG{name} after {after_s} s",
        SLOW,
        steps=(
            Step(command=f"{command}; true"),
            Step(command=f"{resumed}{RUN}"),
            Step(command="search show s", says="finished"),
        ),
    )
