"""Names of folders, files and studies."""

from __future__ import annotations

import shlex

from tests.conftest import Place
from tests.misuse.tries import Step, Try, works

FOLDERS = {
    "spaces": "my studies",
    "quotes": 'it\'s "here"',
    "percent signs": "100%20 %d",
    "question marks": "what?mode=memory",
    "hashes": "a#b",
    "a tilde": "~studies",
    "other alphabets": "исследования é",
    "a dollar": "$HOME",
    "stars and brackets": "[a]*{b}",
    "200 characters": "x" * 200,
    "a semicolon and ampersand": "a;b&c=d",
    "a backslash": "a\\b",
    "a colon": "a:b",
    "a line": "a\nb",
}
STUDIES = {
    "a slash": "a/b",
    "dots": "..",
    "a dash": "-s",
    "a space": "a b",
    "nothing": "",
    "a line": "a\nb",
    "300 characters": "x" * 300,
    "a percent sign": "100%",
    "other alphabets": "исследование",
}
OURS = [
    "record.db",
    "record.db-wal",
    "checkpoints",
    "trials",
    "mlflow.db",
    "lock",
    "archives",
    "CON",
]
RUN_IN = "search run mine:TASK --trials 3 --workers 1 --name s --quiet"


def tries() -> list[Try]:
    return [
        *[_folders(name, folder) for name, folder in FOLDERS.items()],
        *[_study_name(name, study) for name, study in STUDIES.items()],
        *[_our_name(name) for name in OURS],
        works(
            "a project folder that was renamed",
            steps=(
                Step(command=f"mkdir old && cp *.py mlflow.db old && cd old && {RUN_IN}"),
                Step(command="mv old new && cd new && search show s && search resume s --trials 5"),
                Step(command="cd new && search sync s && search list", says="s"),
            ),
            resumed=False,
        ),
        works(
            "a project folder that was copied",
            steps=(
                Step(command=f"mkdir old && cp *.py mlflow.db old && cd old && {RUN_IN}"),
                Step(command="cp -r old new && cd new && search resume s --trials 5 --quiet"),
                Step(command="cd old && search show s", says="3 "),
                Step(command="cd old && search resume s --trials 4 --quiet"),
            ),
            resumed=False,
        ),
        works(
            "two studies begun in the same second",
            steps=(
                Step(
                    command="a='search run mine:TASK --trials 2 --workers 1 --quiet'; "
                    "eval $a & one=$!; eval $a & wait $! && wait $one"
                ),
                Step(
                    command="search list --json | python -c 'import json, sys; "
                    "assert len(json.load(sys.stdin)) == 2'"
                ),
            ),
            resumed=False,
        ),
        works(
            "the same name twice",
            begun=True,
            steps=(Step(command=RUN_IN, codes=(2,), says="s"),),
        ),
        works(
            "a tilde in the environment",
            steps=(
                Step(command=RUN_IN, env={"SEARCH_STUDIES_DIR": "~/kept"}),
                Step(command="test -e ~/kept/record.db && test ! -e '~'"),
            ),
            resumed=False,
        ),
        works(
            "a tilde in an option",
            steps=(
                Step(command=f"{RUN_IN} --studies-dir='~/kept'"),
                Step(command="test -e ~/kept/record.db && test ! -e '~'"),
            ),
            resumed=False,
        ),
        works(
            "what is printed can be typed",
            steps=(
                Step(
                    command="search run mine:TASK --trials 2 --workers 1 --name s "
                    "--studies-dir 'a b' --tracking-uri 'sqlite:///my store.db' > printed"
                ),
                Step(
                    command="sed -n 's/^search on: *python -m //p' printed | bash -c "
                    "'source /dev/stdin' 2>&1 | tail -1; true"
                ),
                Step(
                    command="eval \"$(sed -n 's/^look at one: *python -m //p' printed)\"",
                    says="trial 0",
                ),
                Step(
                    command="eval \"$(sed -n 's/^search on: *python -m //p' printed)\"",
                    says="finished",
                ),
            ),
            resumed=False,
        ),
    ]


def _folders(name: str, folder: str) -> Try:
    """The working folder, the studies folder and MLflow's store are named so."""
    inside = f"cd {shlex.quote('./' + folder)}"
    at = f"--studies-dir {shlex.quote('./' + folder)}"
    show = f"search show s --trial 0 {at} && search list {at} && search sync s {at}"
    return works(
        f"folders with {name}",
        prepare=lambda place: _make(place, folder),
        steps=(
            Step(command=f"{inside} && {RUN_IN} {at}"),
            Step(command=f"{inside} && {show} && search export s --output out.tar {at}"),
            Step(command=f"{inside} && search resume s --trials 4 --quiet {at}"),
        ),
        resumed=False,
    )


def _make(place: Place, folder: str) -> None:
    made = place.folder / folder
    made.mkdir()
    for file in ("quick.py", "mine.py", "mlflow.db"):
        (made / file).write_bytes((place.folder / file).read_bytes())


def _study_name(name: str, study: str) -> Try:
    """Refused in one line, or it works."""
    at = f"--name={shlex.quote(study)}"
    return works(
        f"a study's name with {name}",
        steps=(
            Step(command=f"search run mine:TASK --trials 2 --workers 1 {at} --quiet", codes=(0, 2)),
            Step(command="test ! -e ../record.db"),
            Step(command="search list", codes=(0, 2)),
        ),
        resumed=False,
    )


def _our_name(name: str) -> Try:
    """A study named as a file of ours is refused, or harms nothing."""
    return works(
        f"a study named {name}",
        begun=True,
        steps=(
            Step(command=f"search run mine:TASK --trials 2 --name {name} --quiet", codes=(0, 2)),
            Step(command="search list && search show s && search resume s --trials 5 --quiet"),
        ),
        resumed=False,
    )
