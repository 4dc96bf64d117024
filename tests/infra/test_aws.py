"""infra/aws.yaml and infra/cluster.yaml on an AWS of loopback: what Ray really launches there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import cfnlint.api
import pytest
import yaml
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config

from search.checks.cluster_file import examine_cluster_file
from tests.conftest import ROOT
from tests.infra.aws import CALLER, REGION, aws, fill_in, make_stack

README = (ROOT / "infra" / "README.md").read_text()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch, aws(patch, tmp_path_factory.mktemp("home")):
        token = Path.home() / ".ray" / "auth_token"
        token.parent.mkdir()
        token.write_text("token")
        token.chmod(0o600)
        yield make_stack()


@pytest.fixture
def config(outputs: dict[str, str]) -> dict[str, Any]:
    """As `ray up` has it before it starts a machine."""
    content = yaml.safe_load(fill_in(outputs))
    (image, *_) = boto3.client("ec2").describe_images(Owners=["amazon"])["Images"]
    for kind in content["available_node_types"].values():
        kind["node_config"]["ImageId"] = image["ImageId"]  # moto knows no deep learning image
    return prepare_config(content)


def test_cfn_lint_finds_nothing() -> None:
    found = cfnlint.api.lint_file(ROOT / "infra" / "aws.yaml")
    assert [str(match) for match in found] == []


def test_doctor_is_content_with_the_filled_in_file(outputs, tmp_path):
    (tmp_path / "cluster.yaml").write_text(fill_in(outputs))

    findings = list(examine_cluster_file(tmp_path / "cluster.yaml"))

    assert {f.light for f in findings} == {"green"}, findings
    assert f"open to {CALLER}" in findings[-1].found


def test_the_readme_s_line_fills_the_file_in(outputs, tmp_path):
    (line,) = re.findall(r"\| (while read .*; done)$", README, re.MULTILINE)
    (tmp_path / "infra").mkdir()
    file = tmp_path / "infra" / "cluster.yaml"
    file.write_text((ROOT / "infra" / "cluster.yaml").read_text())
    # As `--output text` prints them.
    text = "".join(f"{key}\t{value}\n" for key, value in outputs.items())

    subprocess.run(["bash", "-c", line], cwd=tmp_path, input=text, text=True, check=True)

    assert file.read_text() == fill_in(outputs)


def test_doctor_looks_at_what_the_group_lets_in(outputs, tmp_path):
    ec2 = boto3.client("ec2")
    group = ec2.create_security_group(GroupName="open", Description="to all")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    (tmp_path / "cluster.yaml").write_text(fill_in({**outputs, "SECURITYGROUP": group}))

    ssh = list(examine_cluster_file(tmp_path / "cluster.yaml"))[-1]

    assert (ssh.light, ssh.found) == ("red", f"{group}: open to 0.0.0.0/0")


@pytest.mark.parametrize(
    ("ranges", "light"),
    [
        (["0.0.0.0/1", "128.0.0.0/1"], "red"),
        (["203.0.0.0/16"], "red"),
        (["203.0.113.0/24"], "yellow"),
        (["203.0.113.7/32"], "green"),
    ],
)
def test_what_is_wider_than_an_office_is_as_bad_as_the_world(ranges, light, outputs, tmp_path):
    ec2 = boto3.client("ec2")
    group = ec2.create_security_group(GroupName=f"to {ranges[0]}", Description="some")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": r} for r in ranges]}]
    )
    (tmp_path / "cluster.yaml").write_text(fill_in({**outputs, "SECURITYGROUP": group}))

    assert list(examine_cluster_file(tmp_path / "cluster.yaml"))[-1].light == light


def test_ssh_is_open_to_the_caller_only_once_ray_has_set_up(config, outputs):
    ready = bootstrap_aws(config)

    groups = {g for t in ready["available_node_types"].values() for g in _groups(t)}
    assert groups == {outputs["SECURITYGROUP"]}
    assert _let_in(groups) == {CALLER}


def test_without_a_group_of_ours_ray_opens_ssh_to_the_world(config):
    """Why the file names one: Ray adds its own rule to those it is given."""
    for kind in config["available_node_types"].values():
        del kind["node_config"]["SecurityGroupIds"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": CALLER}]}
    config["provider"]["security_group"] = {"GroupName": "ray's", "IpPermissions": [rule]}

    ready = bootstrap_aws(config)

    groups = {g for t in ready["available_node_types"].values() for g in _groups(t)}
    assert "0.0.0.0/0" in _let_in(groups)


def test_machines_are_launched_as_the_file_says(config, outputs):
    ready = bootstrap_aws(config)
    provider = AWSNodeProvider(ready["provider"], ready["cluster_name"])
    launched = {}
    for name, kind in ready["available_node_types"].items():
        provider.create_node(kind["node_config"], {"ray-user-node-type": name}, 1)
    for instance in boto3.resource("ec2").instances.all():
        tags = {tag["Key"]: tag["Value"] for tag in instance.tags}
        assert tags["ray-cluster-name"] == "search"  # what the head's role is bound to
        assert instance.placement["AvailabilityZone"] == f"{REGION}a"
        launched[tags["ray-user-node-type"]] = instance

    assert launched.keys() == {"head", "gpu_on_demand", "gpu_spot"}
    assert launched["gpu_spot"].instance_lifecycle == "spot"
    assert launched["gpu_on_demand"].instance_lifecycle != "spot"
    for name, instance in launched.items():
        profile = outputs["HEADPROFILE" if name == "head" else "WORKERPROFILE"]
        assert instance.iam_instance_profile["Arn"] == profile


def test_roles_have_least_rights(outputs):
    """A worker: the bucket. The head: machines of its cluster beside it. Nobody: everything."""
    rights = {name: _rights(outputs[f"{name}PROFILE"]) for name in ("HEAD", "WORKER")}
    assert {action.split(":")[0] for action, _ in rights["WORKER"]} == {"s3"}
    assert all(outputs["BUCKET"] in resource for _, resource in rights["WORKER"])
    assert rights["WORKER"] < rights["HEAD"]
    for action, resource in rights["HEAD"]:
        assert "*" not in action
        assert resource != "*" or action.startswith("ec2:Describe"), action


def _groups(node_type: dict[str, Any]) -> list[str]:
    return node_type["node_config"]["SecurityGroupIds"]


def _let_in(groups: set[str]) -> set[str]:
    found = boto3.client("ec2").describe_security_groups(GroupIds=sorted(groups))["SecurityGroups"]
    rules = [rule for group in found for rule in group["IpPermissions"]]
    return {r["CidrIp"] for rule in rules for r in rule["IpRanges"]}


def _rights(profile_arn: str) -> set[tuple[str, str]]:
    """(action, resource) pairs that a profile's role allows."""
    iam = boto3.resource("iam")
    (role,) = iam.InstanceProfile(profile_arn.split("/")[-1]).roles
    assert not list(role.policies.all())
    pairs = set()
    for policy in iam.Role(role.name).attached_policies.all():
        for statement in policy.default_version.document["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            pairs |= {
                (action, resource)
                for action in ([actions] if isinstance(actions, str) else actions)
                for resource in ([resources] if isinstance(resources, str) else resources)
            }
    return pairs
