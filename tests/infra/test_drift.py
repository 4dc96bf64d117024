"""infra/cluster.yaml and infra/onprem.yaml are one cluster in two places: what both say is so."""

from __future__ import annotations

import copy
import os
import pkgutil
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from search.checks.cluster_file import examine_cluster_file
from tests.conftest import ROOT, needs

AWS, ONPREM = (
    yaml.safe_load((ROOT / "infra" / name).read_text()) for name in ("cluster.yaml", "onprem.yaml")
)
# What only one of them can say: how its machines come, and where they are.
ONLY_AWS = {
    *("max_workers", "upscaling_speed", "idle_timeout_minutes"),
    *("available_node_types", "head_node_type"),
}
SITE = {"SEARCH_STATE", "SEARCH_ARTIFACTS", "SEARCH_STUDIES_DIR", "SEARCH_ADDRESS"}
ONLY_AWS_ENV = {"AWS_REGION", "SEARCH_STORAGE"}
SITE_FILE = "~/.search.env"  # where own machines have them from
_SET = re.compile(r"\b([A-Z]\w+)=((?:\$\([^)]*\)|\S)+)")
ONLY_AWS_COMMAND, ONLY_ONPREM_FLAG = "~/search/infra/volume", "--node-ip-address"


@pytest.mark.parametrize("config", [AWS, ONPREM], ids=["aws", "onprem"])
def test_ray_accepts_it(config: dict[str, Any]) -> None:
    validate_config(prepare_config(copy.deepcopy(config)))


def test_both_have_the_same_sections() -> None:
    assert AWS.keys() - ONLY_AWS == ONPREM.keys()


@pytest.mark.parametrize(
    "section", ["setup_commands", "head_setup_commands", "worker_setup_commands", "rsync_exclude"]
)
def test_machines_are_set_up_alike(section: str) -> None:
    assert AWS[section] == ONPREM[section]


@needs("rsync")
def test_nodes_get_the_sources_and_what_is_sent_by_name(tmp_path: Path) -> None:
    """Not the gigabytes of an environment; a study's archive is sent with the same rules."""
    here, there = tmp_path / "here", tmp_path / "there"
    for name in ("search/cli/main.py", ".venv/torch", "venv/torch", "studies/one", "one.tar"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
    there.mkdir()
    rsync = ["rsync", "-r", *(f"--exclude={pattern}" for pattern in AWS["rsync_exclude"])]

    subprocess.run([*rsync, f"{here}/", there], check=True)
    subprocess.run([*rsync, here / "one.tar", there / "archive"], check=True)

    assert {"search", "archive"} <= {path.name for path in there.iterdir()}
    assert not [path for path in there.iterdir() if "venv" in path.name or path.name == "studies"]


def test_the_same_files_are_brought() -> None:
    mounts = {**AWS["file_mounts"], SITE_FILE: SITE_FILE}
    assert mounts == ONPREM["file_mounts"]


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_ray_and_the_services_are_started_alike(kind: str) -> None:
    *before, aws = AWS[f"{kind}_start_ray_commands"]
    *also_before, onprem = ONPREM[f"{kind}_start_ray_commands"]
    assert [c for c in before if not c.startswith(ONLY_AWS_COMMAND)] == also_before
    assert program(aws) == program(onprem.removeprefix(f"set -a && . {SITE_FILE} && set +a && "))

    here, there = environment(aws), environment(onprem)
    assert here.keys() - ONLY_AWS_ENV == there.keys()
    assert {n: v for n, v in here.items() if n not in ONLY_AWS_ENV | SITE} == {
        n: v for n, v in there.items() if n not in SITE
    }
    for name in ("SEARCH_ARTIFACTS", "SEARCH_STUDIES_DIR") if kind == "head" else ():
        assert here[name].removeprefix(here["SEARCH_STATE"]) == there[name].removeprefix(
            there["SEARCH_STATE"]
        )


@pytest.mark.parametrize("config", [AWS, ONPREM], ids=["aws", "onprem"])
def test_what_is_named_by_a_string_is_there(config: dict[str, Any]) -> None:
    scorer = environment(config["head_start_ray_commands"][-1])["RAY_AUTOSCALER_UTILIZATION_SCORER"]
    assert callable(pkgutil.resolve_name(scorer))

    commands = " ".join(c for key in config if key.endswith("commands") for c in config[key])
    programs = set(re.findall(r"~/search/(\S+)", commands))
    assert {"infra/install", "infra/services"} <= programs
    for program in programs:
        assert os.access(ROOT / program, os.X_OK), program


def test_what_the_head_s_commands_need_is_set() -> None:
    needed = {"RECORD", "TRACKING_URI", "STUDIES_DIR", "STORAGE", "ADDRESS", "STATE", "ARTIFACTS"}
    assert {f"SEARCH_{name}" for name in needed} <= environment(
        AWS["head_start_ray_commands"][-1]
    ).keys()


def test_doctor_finds_nothing_but_placeholders_in_the_onprem_file() -> None:
    red = [
        f.subject
        for f in examine_cluster_file(ROOT / "infra" / "onprem.yaml")
        if f.light != "green" and f.subject != "authentication"  # this machine's token
    ]
    assert red == ["placeholders"]


def environment(command: str) -> dict[str, str]:
    return dict(_SET.findall(command))


def program(command: str) -> list[str]:
    """What is run, without the environment and the flags of own machines."""
    words = _SET.sub("", command).split()
    return [word for word in words if not word.startswith(ONLY_ONPREM_FLAG)]
