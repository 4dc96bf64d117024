"""The studies that chaos disturbs: a real training, failing code, a slow storage, a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search.record.record import Record, open_record

ROOT = Path(__file__).resolve().parent.parent
FAILING = (
    *("tests.chaos_task:TASK", "--trials", "16", "--seed", "5"),
    *("--max-epochs", "8", "--reduction-factor", "2"),
)
# So long the storage takes for each request.
SLOW_S = "0.3"


@dataclass(frozen=True)
class Setting:
    """A study, where it is kept, and what is around it."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def alone(self) -> str:
        """Its study that is left alone."""
        return f"{self.name}-undisturbed"

    @property
    def in_sqlite(self) -> bool:
        return "SEARCH_RECORD" not in self.env


def settings(folder: Path, server_url: str | None) -> list[Setting]:
    """`server_url`: of a database of PostgreSQL; None where there is none."""
    storage = folder / "shared"
    storage.mkdir()
    found = [
        Setting("training", ("sts", "--dataset", "toy", "--trials", "10")),
        Setting("failing-code", FAILING),
        Setting(
            "slow-storage", (*FAILING, "--storage", str(storage)), {"CHAOS_SLOW_STORAGE_S": SLOW_S}
        ),
    ]
    if server_url is not None:
        found.append(Setting("server", FAILING, {"SEARCH_RECORD": server_url}))
    return found


@dataclass(frozen=True)
class Victim:
    """One study of a setting, to be disturbed."""

    folder: Path
    setting: Setting
    name: str

    def record(self) -> Record:
        url = self.setting.env.get("SEARCH_RECORD")
        return open_record(self.folder / "studies", url=url, create=True)

    @property
    def database(self) -> Path:
        """Where it is a file."""
        return self.folder / "studies" / "record.db"

    @property
    def command(self) -> list[str]:
        """What begins it, or goes on with it."""
        if self.name in self.record().names():
            return ["resume", self.name, "--quiet"]
        return ["run", *self.setting.arguments, "--name", self.name, "--workers", "1", "--quiet"]

    @property
    def takes_s(self) -> float:
        """The study of its setting that is left alone, from Enter to prompt."""
        record = self.record()
        return record.history(record.study(self.setting.alone)).spans[0].wall_s + 2

    def start(self, *arguments: str, **chaos: str) -> subprocess.Popen[str]:
        path = f"{ROOT}/tests/chaos_hooks:{ROOT}"
        return subprocess.Popen(
            [sys.executable, "-m", "search", *(arguments or self.command)],
            cwd=self.folder,
            env={**os.environ, **self.setting.env, "PYTHONPATH": path, **chaos},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
