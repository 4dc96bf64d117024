"""`doctor --cluster-file`: what is not filled in, misspelt or open is found before `ray up`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.checks.cluster_file import examine_cluster_file
from search.checks.machine_checks import Finding
from search.cli.main import main
from tests.conftest import ROOT

FILLED = re.sub(r"YOUR_(\w+)", r"my-\1", (ROOT / "infra" / "cluster.yaml").read_text())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a token, and no AWS to ask."""
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("token")
    token.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def findings(text: str, folder: Path) -> dict[str, Finding]:
    (folder / "cluster.yaml").write_text(text)
    return {f.subject: f for f in examine_cluster_file(folder / "cluster.yaml")}


def test_the_file_as_it_is_here_is_refused_for_its_placeholders_only(capsys):
    assert main(["doctor", "--cluster-file", str(ROOT / "infra" / "cluster.yaml")]) == 1

    output = capsys.readouterr().out
    red = [line.split()[1] for line in output.splitlines() if line.startswith("red")]
    assert red == ["placeholders"]
    assert "YOUR_SECURITYGROUP" in output


def test_filled_in_only_the_group_that_aws_was_not_asked_about_is_not_green(tmp_path):
    found = findings(FILLED, tmp_path)

    assert {s for s, f in found.items() if f.light != "green"} == {"SSH"}
    assert found["SSH"].light == "yellow"
    assert "not asked what my-SECURITYGROUP lets in" in found["SSH"].found


@pytest.mark.parametrize(
    ("was", "now", "subject", "found"),
    [
        ("InstanceType", "InstancType", "node_config", "'InstancType' in node_config: Ins"),
        ("VolumeSize", "VolumeSiz", "node_config", "BlockDeviceMappings[0].Ebs: VolumeSize"),
        ("Encrypted: True", "Encrypted: often", "node_config", "Encrypted, value: often"),
        ("MarketType", "Markettype", "node_config", "gpu_spot: no key 'Markettype'"),
        ("max_workers: 16  #", "max_worker: 16  #", "Ray", "'max_worker' was unexpected"),
        ("head_node_type: head", "head_node_type: hed", "Ray", "head_node_type"),
        ("type: aws", "type: awz", "Ray", "awz"),
        ("            SecurityGroupIds: *groups\n", "", "SSH", "gpu_on_demand, gpu_spot: no Sec"),
        ("RAY_AUTH_MODE=token", "RAY_AUTH_MODE=none", "authentication", "head: `ray start` with"),
        ("worker_start_ray_commands:", "worker_setup_commands:", "authentication", "worker: no"),
        ("RAY_AUTH_TOKEN_PATH", "TOKEN_PATH", "authentication", "brings RAY_AUTH_TOKEN_PATH"),
        ("    ~/.ray/auth_token: ", "    ~/token: ", "authentication", "no file_mounts entry"),
        (": ~/.ray/auth_token", ": ~/none", "authentication", "No such file"),
        ("--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0", "dashboard", "0.0.0.0"),
        ("cluster_name: search", "{", "cluster file", "line"),
        (FILLED, "", "Ray", "None"),
        (FILLED, "[]", "Ray", "list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_red_and_named(tmp_path, was, now, subject, found):
    assert was in FILLED

    finding = findings(FILLED.replace(was, now), tmp_path)[subject]

    assert finding.light == "red"
    assert found in finding.found
    assert len(finding.found) < 500


def test_a_token_that_others_can_read_is_red(tmp_path):
    (tmp_path / ".ray" / "auth_token").chmod(0o644)
    assert findings(FILLED, tmp_path)["authentication"].found.endswith("has mode 644, not 600")


@pytest.mark.parametrize(("mode", "light"), [(0o600, "green"), (0o640, "red")])
def test_the_keys_of_own_machines_are_the_owner_s_only(tmp_path, mode, light):
    (tmp_path / ".search.env").write_text("AWS_SECRET_ACCESS_KEY=key\n")
    (tmp_path / ".search.env").chmod(mode)
    onprem = re.sub(r"YOUR_(\w+)", r"my-\1", (ROOT / "infra" / "onprem.yaml").read_text())

    found = findings(onprem, tmp_path)["authentication"]

    assert found.light == light
    assert (".search.env has mode 640, not 600" in found.found) == (light == "red")


def test_what_ray_fills_in_is_looked_at_too(tmp_path):
    aws = "cluster_name: mine\nprovider: {type: aws, region: eu-north-1}\n"

    found = findings(aws, tmp_path)

    assert found["Ray"].light == "green"
    assert found["SSH"].light == "red"
    assert "no SecurityGroupIds" in found["SSH"].found


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["doctor", "--cluster-file", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().out
