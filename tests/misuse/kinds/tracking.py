"""MLflow's store, away or spoilt."""

from __future__ import annotations

from tests.misuse.tries import Step, Try, works

SQL = (
    "python -c \"import sqlite3, sys; d = sqlite3.connect('mlflow.db'); "
    'd.execute(sys.argv[1]); d.commit()"'
)
VERSION = "update alembic_version set version_num"
# After a study of 4 trials, before it goes on.
DONE_TO_IT = {
    "its experiment is deleted": f"{SQL} \"update experiments set lifecycle_stage = 'deleted'\"",
    "its experiment is renamed": f"{SQL} \"update experiments set name = name || '2'\"",
    "its runs are deleted": f"{SQL} \"update runs set lifecycle_stage = 'deleted'\"",
    "one run is gone": f"{SQL} \"delete from tags where key = 'mlflow.parentRunId'\"",
    "its metrics are gone": f"{SQL} 'delete from metrics'",
    "its tags are gone": f"{SQL} 'delete from tags'",
    "it is of an older version": f"{SQL} \"{VERSION} = '0a8213491aaa'\"",
    "it is of a newer version": f"{SQL} \"{VERSION} = 'ffffffffffff'\"",
    "it cannot be written": "chattr +i mlflow.db 2>/dev/null || chmod 400 mlflow.db",
}
PASSWORDS = [
    "http://me:hunter2@127.0.0.1:9",
    "postgresql://me:hunter2@127.0.0.1:9/db",
    "postgresql://127.0.0.1:9/db?password=hunter2",
    "http://127.0.0.1:9/?token=hunter2",
]


def tries() -> list[Try]:
    return [*[_spoilt(n, how) for n, how in DONE_TO_IT.items()], *map(_password, PASSWORDS)]


def _spoilt(name: str, how: str) -> Try:
    """Training does not suffer; what MLflow does not take is told, and `doctor` sees it."""
    return works(
        f"MLflow's store: {name}",
        begun=True,
        steps=(
            Step(command=how),
            Step(command="search resume s --trials 6 --quiet"),
            Step(command="search doctor", codes=(0, 1)),
            Step(command="search sync s", codes=(0, 1, 2)),
            Step(command="chattr -i mlflow.db 2>/dev/null; true"),
        ),
        resumed=False,
    )


def _password(uri: str) -> Try:
    option = "--tracking-uri" if uri.startswith("http") else "--record"
    return works(
        f"a password in {uri}",
        steps=(
            Step(
                command=f"search run mine:TASK --trials 2 --workers 1 --name s {option} '{uri}'",
                codes=(2,),
                check=lambda place, said: (
                    "the password is shown" if "hunter2" in said.out + said.err else None
                ),
            ),
            Step(command="! grep -rqa hunter2 . ~ --include='*' --exclude=mine.py"),
        ),
        resumed=False,
    )
