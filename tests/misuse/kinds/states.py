"""What a state may hold, and what not."""

from __future__ import annotations

from tests.misuse.tries import RUN, Step, Try, each_fate, fails, works

# A paused trial that goes on looks whether it gets back what it gave.
GOOD_TRAIN = """
import torch
def train(config, data, *, seed, max_epochs, resume_from=None):
    if resume_from is not None:
        for name, right in make_extra().items():
            assert same(resume_from[name], right), (name, resume_from[name], right)
    return epochs(config, max_epochs, resume_from, state=lambda number: make_extra())
def make_extra():
    return {{name: eval(code) for name, code in GOOD.items()}}
def same(a, b):
    if isinstance(a, dict): return a.keys() == b.keys() and all(same(a[k], b[k]) for k in b)
    if isinstance(a, (list, tuple)): return len(a) == len(b) and all(map(same, a, b))
    if type(a) is not type(b): return False
    if hasattr(a, "dtype"): return a.dtype == b.dtype and bool((a == b).all())
    return a == b
def ones():
    m = torch.nn.Linear(1, 1)
    for p in m.parameters(): torch.nn.init.ones_(p)
    return m
GOOD = {good!r}
TASK = replace(TASK, train=train)
"""
BAD_TRAIN = """
import datetime, decimal, pathlib, threading
def train(config, data, *, seed, max_epochs, resume_from=None):
    bad = lambda number: {"extra": eval(FATES[config.fate])} if config.fate in FATES else {}
    return epochs(config, max_epochs, resume_from, state=bad)
"""
GOOD = {
    "arrays of every kind": "{k: np.arange(3).astype(k) for k in ('i1', 'u8', 'f2', 'c16', '?')}",
    "a structured array": "np.zeros(2, dtype=[('a', 'i4'), ('b', 'f8')])",
    "an array of texts": "np.array(['a', 'é'])",
    "an empty array": "np.zeros((0, 3))",
    "an array in Fortran order": "np.asfortranarray(np.ones((3, 4)))",
    "scalars of NumPy": "[np.float32(1.5), np.int64(2**62), np.bool_(True)]",
    "the state of a generator": "np.random.default_rng(3).bit_generator.state",
    "the state of the old generator": "np.random.RandomState(3).get_state()",
    "the state of Python's generator": "__import__('random').Random(3).getstate()",
    "bytes": "[b'', b'\\x00\\xff' * 1000, bytearray(b'ab')]",
    "nested tuples": "((1, (2.5, None)), [(), {'a': (True,)}])",
    "numbers beyond 2^64": "{'n': 10**30, 'f': 5e-324, 'z': -0.0}",
    "keys that are numbers": "{0: 'a', 1.5: 'b', (1, 2): 'c'}",
    "a module's and an optimiser's state": (
        "(lambda m: [m.state_dict(), torch.optim.SGD(m.parameters()).state_dict()])(ones())"
    ),
    "tensors of other kinds": "[torch.ones(2).bfloat16(), torch.tensor(3), torch.ones(0)]",
}
BAD = {
    "a lambda": "{'hook': lambda: 0}",
    "an object": "{'model': {'optimizer': [object()]}}",
    "an array of objects": "np.array([object()])",
    "a generator": "(i for i in range(3))",
    "an open file": "open(__file__)",
    "a class": "Config",
    "a dataclass's instance": "Config()",
    "a date": "datetime.datetime(2020, 1, 1)",
    "a decimal": "decimal.Decimal('1.5')",
    "a path": "pathlib.Path('a')",
    "a lock": "threading.Lock()",
    "itself": "(lambda d: d.update(d=d) or d)({})",
}


def tries() -> list[Try]:
    refused = {f"a state of {name}": (code, "extra") for name, code in BAD.items()}
    return [
        works("states of all that loads without running code", GOOD_TRAIN.format(good=GOOD)),
        each_fate("states that do not", BAD_TRAIN, refused),
        fails(
            "a state that is no dict",
            "def train(config, data, *, seed, max_epochs, resume_from=None):\n"
            "    for epoch in epochs(config, max_epochs, None):\n"
            "        yield replace(epoch, state=lambda: None)\nTASK = replace(TASK, train=train)",
            reason="state",
            failed="any",
            steps=(Step(command=RUN, codes=(0, 1)),),
            by_formula=False,
        ),
    ]
