"""Every README is true: its commands and Python blocks run word for word, what it names is there.

The blocks of a README run in their order, in one working folder. On the line above a block,
`<!-- file: FILE -->` has it written to that file, `<!-- not run: REASON -->` leaves it out. A study
called NAME, and a registered sts, are made before the first README that asks for one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from search.cli.main import main
from tests.conftest import ROOT, Place

RUNNABLE = {"sh": ("bash", "-euo", "pipefail"), "python": (sys.executable,)}
LIMIT_S = 120.0  # a block, on two cores that others use too
A_STUDY = "python -m search run tests.coin_task:TASK --trials 6 --name NAME --quiet"
A_MODEL = """
from mlflow import MlflowClient
from tests.benchmarks.predict import register
from trainables.sts import data

register("sqlite:///mlflow.db", data.load(data.prepare("toy", None).folder))
MlflowClient("sqlite:///mlflow.db").set_registered_model_alias("sts", "champion", "1")
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    where: str  # README:line
    language: str
    text: str
    note: str  # the comment on the line above, without its signs

    @property
    def file(self) -> str | None:
        return self._noted("file")

    @property
    def not_run(self) -> str | None:
        return self._noted("not run")

    def _noted(self, kind: str) -> str | None:
        return self.note.removeprefix(f"{kind}: ") if self.note.startswith(f"{kind}: ") else None


@functools.cache
def readmes() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*README.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


@functools.cache
def blocks(readme: str) -> list[Block]:
    lines = (ROOT / readme).read_text().splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    assert len(fences) % 2 == 0, f"{readme}: a fence is open"
    found = []
    for first, last in zip(fences[::2], fences[1::2], strict=True):
        note = re.fullmatch(r"<!-- (.*) -->", lines[first - 1])
        text = "\n".join(lines[first + 1 : last]) + "\n"
        language = lines[first].removeprefix("```")
        found.append(Block(f"{readme}:{first + 1}", language, text, note[1] if note else ""))
    return found


def prose(readme: str) -> str:
    """All but the blocks."""
    return re.sub(r"^```.*?^```$", "", (ROOT / readme).read_text(), flags=re.DOTALL | re.MULTILINE)


def to_run(readme: str) -> list[Block]:
    return [block for block in blocks(readme) if block.language in RUNNABLE and not block.not_run]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("readme"))
    place.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return place


def _long_but_the_first(readme: str) -> Any:
    return readme if readme == "README.md" else pytest.param(readme, marks=pytest.mark.long)


@pytest.mark.parametrize(
    "readme", [_long_but_the_first(name) for name in readmes() if to_run(name)]
)
def test_every_block_runs(place: Place, readme: str) -> None:
    text = "".join(block.text for block in to_run(readme))
    if re.search(r"\bNAME\b", text) and not (place.folder / "studies/NAME").exists():
        _run(place, Block("the study NAME", "sh", A_STUDY, ""))
    if "predict sts" in text:
        _run(place, Block("a registered sts", "python", A_MODEL, ""))
    for block in blocks(readme):
        if block.file:
            (place.folder / block.file).write_text(block.text)
        elif block in to_run(readme):
            _run(place, block)


def _run(place: Place, block: Block) -> None:
    script = place.folder / "block"
    script.write_text(block.text)
    done = subprocess.run(
        [*RUNNABLE[block.language], str(script)],
        cwd=place.folder,
        env=place.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{block.where}\n{block.text}{done.stdout}{done.stderr}"


@pytest.mark.parametrize("readme", readmes())
def test_every_command_and_python_block_is_run_or_tells_why_not(readme: str) -> None:
    for line in prose(readme).splitlines():
        assert not line.startswith("    "), f"{readme}: a block without a fence: {line}"
    for block in blocks(readme):
        assert block.not_run != "", f"{block.where}: no reason"
        if block.language not in RUNNABLE:  # output, a picture, a file's content
            command = re.search(
                r"^(\$ |pip |pytest|python |import |from \w+ import )", block.text, re.M
            )
            assert not command or block.file, f"{block.where}: sh or python? {command}"
        if block.file:
            assert any(Path(block.file).stem in other.text for other in to_run(readme)), block.where


@functools.cache
def commands() -> list[tuple[str, list[str]]]:
    """Every `python -m MODULE …` of every README, run or not: where, and its words."""
    found = []
    for readme in readmes():
        inline = re.findall(r"`([^`]+)`", prose(readme))
        lines = [
            line
            for block in blocks(readme)
            if block.language == "sh"
            for line in block.text.splitlines()
        ]
        for text in [*inline, *lines]:
            for command in re.findall(r"python -m ([^|&;]+)", " ".join(text.split())):
                found.append((readme, shlex.split(command.replace("[", "").replace("]", ""))))
    return found


def test_every_command_and_option_exists() -> None:
    helps = {}
    for readme, (module, *words) in commands():
        where = f"{readme}: python -m {module} {' '.join(words)}"
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        if module == "search" and words[0].islower():
            if words[0] not in helps:
                helps[words[0]] = _help(words[0])
            known = helps[words[0]]
        else:
            spec = importlib.util.find_spec(module)
            if spec is not None and spec.submodule_search_locations is not None:
                spec = importlib.util.find_spec(f"{module}.__main__")
            assert spec is not None, where
            known = "--help" + Path(spec.origin or "").read_text()
        assert all(option in known for option in options), where


def _help(command: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        assert main([command, "--help"]) in (None, 0)
    assert "usage" in printed.getvalue().lower(), f"no command {command}"
    return printed.getvalue() + "--help"


def test_every_command_there_is_has_its_line() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main(["--help"])
    table = prose("search/README.md").partition("\n## ")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^ {4}(\w+) ", printed.getvalue(), re.MULTILINE))
    assert listed
    assert listed == set(re.findall(r"`(\w+)(?: \[?[A-Z]+\]?)?`", table)) & listed


@pytest.mark.parametrize("readme", readmes())
def test_every_link_leads_somewhere(readme: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", prose(readme)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / readme).parent / path if path else ROOT / readme
        assert target.exists(), f"{readme}: {link}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", prose(str(target)), re.MULTILINE)
            assert anchor in [_anchor(title) for title in titles], f"{readme}: {link}"


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("readme", readmes())
def test_every_file_named_is_there(readme: str) -> None:
    """A name in backticks is a file of the repository if it is a path below one of its folders, or
    ends as its files do: then it may lie in any folder below the README's. What a user's commands
    have made there, as studies, is not the repository's."""
    made = {block.file for name in readmes() for block in blocks(name)}
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    top = {path.name for path in ROOT.iterdir()} - ignored
    for name in re.findall(r"`([\w.][\w./-]*)`", prose(readme)):
        is_path = name.split("/")[0] in top and "/" in name
        if name in made or not (is_path or name.endswith((".py", ".md", ".toml", ".yaml"))):
            continue
        below = (ROOT / readme).parent.rglob(name)
        assert (ROOT / name).exists() or any(below), f"{readme}: {name}"


@pytest.mark.parametrize("readme", readmes())
def test_every_name_said_to_be_in_a_file_is_there(readme: str) -> None:
    for name, file in re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", prose(readme)):
        definition = rf"^ *(def|class) {name}\b|^{name}(: .*)? = "
        assert re.search(definition, (ROOT / file).read_text(), re.MULTILINE), f"{name} in {file}"


def test_the_readme_is_short_and_begins_with_the_whole_set_up() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 200
    assert [block.text.strip() for block in blocks("README.md")][:2] == [
        "pip install -e . && python -m search run sts --trials 64",
        "pip install -e '.[test]' && pytest",
    ]


def test_the_architecture_names_every_package() -> None:
    architecture = prose("search/README.md").partition("\n## Architecture\n")[2]
    for package in (ROOT / "search").glob("*/__init__.py"):
        assert f"`search/{package.parent.name}`" in architecture, package
