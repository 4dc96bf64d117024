"""Fields of a task that cannot be so."""

from __future__ import annotations

from tests.misuse.tries import Try, refused

WRONG = {
    "mode": ["'maximize'", "'MAX'", "''", "None", "1", "['max']"],
    "metric": ["''", "None", "5", "b'score'"],
    "name": ["''", "'a b'", "'../x'", "'x' * 300", "None", "'é'", "'-x'"],
    "max_epochs": ["0", "-1", "1.5", "'3'", "None", "True", "2**70", "float('nan')"],
    "min_epochs": ["0", "4", "None"],
    "reduction_factor": ["1", "2.5", "None"],
    "config": ["None", "dict", "Config()", "'Config'"],
    "space": ["None", "{'x': [0, 1]}", "'space'"],
    "train": ["None", "'mine.train'", "3"],
    "data": ["None", "make", "[1, 2]"],
    "points": ["None", "{'a': 3}", "{1: {'x': 0.5}}", "{'a': {'x': [1]}}"],
    "first_points": ["None", "('a',)"],
    "reported": ["None", "{'a': float('nan')}", "[1]"],
    "most_gpus": ["0", "1.5", "'all'"],
    "figures": ["print", "'figures'"],
    "model": ["3", "'mine:model'"],
}


def tries() -> list[Try]:
    """Two values of each field, the others by the full property tests of a task's checks."""
    made = [
        refused(f"Task.{name} = {value}", f"TASK = replace(TASK, {name}={value})", f"Task.{name}")
        for name, values in WRONG.items()
        for value in values[:2]
    ]
    return [
        *made,
        refused(
            "first points that are not named",
            "TASK = replace(TASK, first_points=lambda fixed: ('nobody',))",
            "nobody",
        ),
        refused(
            "a named point that cannot be configured",
            "TASK = replace(TASK, points={'a': {'y': 1}}, first_points=lambda fixed: ('a',))",
            "y",
        ),
        refused(
            "labels of two dimensions",
            "TASK = replace(TASK, data=replace(DATA, labels=lambda data: np.zeros((4, 2))))",
            "shape",
        ),
        refused(
            "no labels",
            "TASK = replace(TASK, data=replace(DATA, labels=lambda data: np.zeros(0)))",
            "label",
        ),
        refused(
            "data that are functions of the moment",
            "TASK = replace(TASK, data=replace(DATA, make=lambda: (i for i in range(3)), "
            "labels=lambda data: np.zeros(3)))",
            "data",
        ),
        refused(
            "baselines of another length",
            "TASK = replace(TASK, data=replace(DATA, baselines=lambda d: {'zero': np.zeros(3)}))",
            "zero|baseline|shape|20",
        ),
    ]
