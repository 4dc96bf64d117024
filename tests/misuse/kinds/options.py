"""What is typed wrongly."""

from __future__ import annotations

from tests.misuse.tries import Step, Try, works

WRONG = [
    "run",
    "run mine:TASK --trials 0",
    "run mine:TASK --trials 1.5",
    "run mine:TASK --trials 1e3",
    "run mine:TASK --trials 99999999999999999999",
    "run mine:TASK --max-epochs 0",
    "run mine:TASK --min-epochs 9",
    "run mine:TASK --reduction-factor 1",
    "run mine:TASK --sampler gp",
    "run mine:TASK --scheduler hyperbandd",
    "run mine:TASK --workers 0",
    "run mine:TASK --workers 100000",
    "run mine:TASK --cpus-per-trial 1000",
    "run mine:TASK --gpus-per-trial 1",
    "run mine:TASK --gpus-per-trial nan",
    "run mine:TASK --set x",
    "run mine:TASK --set x=high",
    "run mine:TASK --set y=1",
    "run mine:TASK --set x=0.5 --set x=0.6 --set =3",
    "run mine:TASK --dataset nowhere",
    "run mine:TASK --tracking-uri ftp://nowhere",
    "run mine:TASK --tracking-uri sqlite:////nowhere/at/all.db",
    "run mine:TASK --storage s3://",
    "run mine:TASK --record mysql://localhost/db",
    "run mine:TASK --record postgresql://u:secret@127.0.0.1:1/db",
    "run mine:TASK --address nowhere",
    "run mine:TASK --address 127.0.0.1:9",
    "run mine:TASK --time-budget soon",
    "run mine:TASK --time-budget -5",
    "run mine:TASK --trial-timeout 0",
    "run mine:TASK --seed -1",
    "run mine:TASK --seed x",
    "run mine:TASK --keep-checkpoints -1",
    "run mine",
    "run :TASK",
    "run mine:",
    "run ../mine:TASK",
    "run mine.py:TASK",
    "resume nowhere",
    "show nowhere",
    "show",
    "show s --trial 3",
    "stop nowhere",
    "promote nowhere",
    "export nowhere",
    "import nowhere.tar",
    "import mine.py",
    "predict nowhere",
    "sync nowhere",
    "delete nowhere --yes",
    "frobnicate",
    "--frobnicate",
    "list --jsn",
    "doctor nowhere:TASK",
    "doctor mine:TASK --tracking-uri http://127.0.0.1:9",
    "submit mine:TASK",
]


def tries() -> list[Try]:
    return [
        works(
            f"typed: {command}",
            steps=(Step(command=f"search {command}", codes=_codes(command), says="."),),
            resumed=False,
        )
        for command in WRONG
    ]


def _codes(command: str) -> tuple[int, ...]:
    """`doctor` finds faults: 1."""
    return (1, 2) if command.startswith("doctor") else (2,)
