"""A study's files, damaged or gone; archives that are not ours."""

from __future__ import annotations

import io
import tarfile

from tests.conftest import Place
from tests.misuse.tries import Step, Try, works

# After a study of 4 trials: what is done to its files → whether it must still be resumed.
DAMAGE = {
    "the record is empty": (": > studies/record.db", False),
    "the record is cut short": ("truncate -s 5000 studies/record.db", False),
    "the record is no database": (
        "echo hello > studies/record.db; rm -f studies/record.db-*",
        False,
    ),
    "the record is a folder": ("rm studies/record.db*; mkdir studies/record.db", False),
    "the studies folder is gone": ("rm -r studies", False),
    "the studies folder is a file": ("rm -r studies; touch studies", False),
    "the study's folder is gone": ("rm -r studies/s", True),
    "its logs are gone": ("find studies -name '*.log' -delete", True),
    "its checkpoints are gone": ("rm -rf studies/s/checkpoints", True),
    "its checkpoints are empty": ("find studies/s -name '*.pt' -exec truncate -s 0 {} +", True),
    "its predictions are gone": ("find studies/s -name '*.npy' -delete", True),
    "its predictions are other bytes": (
        "find studies/s -name '*.npy' -exec sh -c 'echo hello > \"$1\"' _ {} ';'",
        True,
    ),
    "files of others lie in its folder": (
        "mkdir studies/s/mine; touch studies/s/x.tmp studies/stray studies/s/trials.parquet.1",
        True,
    ),
    "MLflow's store is gone": ("rm mlflow.db", True),
    "MLflow's store is empty": (": > mlflow.db", True),
    "MLflow's store is no database": ("echo hello > mlflow.db", False),
    "the task's module is gone": ("rm mine.py", False),
    "the task's module does not parse": ("echo 'def (' >> mine.py", False),
    "the code has changed": ("echo 'BONUS = 1' >> quick.py", False),
    "only a comment of the task has changed": ("echo '# more' >> mine.py", None),
}
LOOK = "search list; search show s; search show s --trial 0; search show s --json; true"


def tries() -> list[Try]:
    return [
        *[_damaged(name, how, goes_on) for name, (how, goes_on) in DAMAGE.items()],
        *[_archive(name, made) for name, made in ARCHIVES.items()],
        works(
            "an archive of a task that is not here",
            begun=True,
            steps=(
                Step(
                    command="search export s --output out.tar && mkdir there && cd there && "
                    "search import ../out.tar && search list && search show s"
                ),
                Step(command="cd there && search resume s --trials 6", codes=(2,), says="mine"),
            ),
        ),
        works(
            "an archive taken in twice",
            begun=True,
            steps=(
                Step(command="search export s --output out.tar"),
                Step(command="search import out.tar", codes=(2,), says="s"),
            ),
        ),
        works(
            "an archive cut short",
            begun=True,
            steps=(
                Step(command="search export s --output out.tar && truncate -s 3000 out.tar"),
                Step(command="mkdir there && cd there && search import ../out.tar", codes=(2,)),
            ),
        ),
        works(
            "an archive written over a folder",
            begun=True,
            steps=(
                Step(command="mkdir out && search export s --output out", codes=(2,)),
                Step(command="search export s --output nowhere/out.tar", codes=(2,)),
            ),
        ),
    ]


def _damaged(name: str, how: str, goes_on: bool | None) -> Try:
    codes = {True: (0,), False: (2,), None: (0, 2)}[goes_on]
    return works(
        name,
        begun=True,
        steps=(
            Step(command=how),
            Step(command=LOOK),
            Step(command="search resume s --trials 6 --quiet", codes=codes),
        ),
        resumed=False,
        # What a changed code trains is not the formula's.
        by_formula=False,
    )


def _member(
    name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVES = {
    "that is empty": b"",
    "that is a text": b"hello\n" * 100,
    "with nothing of ours": _member("readme"),
    "that leads out": _member("../../evil"),
    "with a whole path": _member("/tmp/evil"),
    "with a link": _member("study.json", kind=tarfile.SYMTYPE, link="/etc/passwd"),
    "with a device": _member("study.json", kind=tarfile.CHRTYPE),
    "with a study that is no JSON": _member("study.json", b"{"),
    "with a study of nulls": _member("study.json", b"null"),
}


def _archive(name: str, content: bytes) -> Try:
    return works(
        f"an archive {name}",
        files={"other.tar": content},
        prepare=_nothing_outside,
        steps=(
            Step(command="search import other.tar", codes=(2,), says="other.tar"),
            Step(command="test ! -e ../evil && test ! -e ../../evil && test ! -e /tmp/evil"),
        ),
        resumed=False,
    )


def _nothing_outside(place: Place) -> None:
    assert not (place.folder.parent / "evil").exists()
