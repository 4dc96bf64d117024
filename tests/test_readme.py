"""What the README tells a user to type works, word for word."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import ROOT, Place

README = (ROOT / "README.md").read_text()


def test_the_first_two_commands_are_the_whole_set_up() -> None:
    commands = re.findall(r"^    (pip .*)$", README, re.MULTILINE)
    assert commands[:2] == [
        "pip install -e . && python -m search run sts --trials 64",
        "pip install -e '.[test]' && pytest",
    ]


def test_every_command_named_in_the_readme_exists(place: Place) -> None:
    section = README[README.index("## Commands") : README.index("## Reading a study")]
    named = set(re.findall(r"^\| `(\w+)[ `]", section, re.MULTILINE))
    assert {"run", "resume", "stop", "ui", "sync", "delete", "doctor"} <= named
    for command in sorted(named):
        assert place.search(command, "--help").returncode == 0, command


def test_a_users_own_task_runs_as_a_small_study(place: Place) -> None:
    (example,) = re.findall(r"```python\n(\"\"\"Two moons.*?)```", README, re.DOTALL)
    (place.folder / "moons.py").write_text(example)
    (command,) = re.findall(r"^    python -m search (run moons:TASK .*)$", README, re.MULTILINE)

    done = place.search(*command.split(), "--json", "--quiet")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["state"] == "finished"
    assert summary["trials"]["total"] == 16
    assert summary["trials"]["failed"] == 0
    assert summary["best"]["value"] > 0.85


def test_the_annotated_tree_names_every_module() -> None:
    tree = README[README.index("## Where things are") :]
    for module in Path(ROOT, "search").glob("*.py"):
        if not module.name.startswith("__"):
            assert module.name in tree, module.name
