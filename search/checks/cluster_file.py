"""A cluster file looked at before `ray up`: what is not filled in, misspelt, or open to others.

`python -m search doctor --cluster-file infra/cluster.yaml`. Nothing is started or changed; AWS is
asked only, where there are credentials, what the security groups let in.
"""

from __future__ import annotations

import copy
import difflib
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from search.checks.machine_checks import Finding

__all__ = ["examine_cluster_file"]

_PLACEHOLDER = re.compile(r"\bYOUR_[A-Z0-9_]+")
_SITE_FILE = "~/.search.env"  # of infra/onprem.yaml: keys of the storage
_OFFICE_BITS = {4: 8, 6: 64}  # of addresses: one office's network; more are strangers
_AWS_TIMEOUT_S = 5


def examine_cluster_file(path: Path) -> Iterator[Finding]:
    """Each finding as it is made."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        yield Finding(light="red", subject="cluster file", found=why, fix="write it as YAML")
        return
    ray, filled = _ray(content)
    yield ray
    if ray.light == "red":
        return  # the others read what it has checked
    yield _placeholders(content)
    yield _token(content)
    yield _dashboard(content)
    if content["provider"]["type"] == "aws":
        yield _node_configs(filled)
        yield _ssh(filled)


def _ray(content: Any) -> tuple[Finding, Any]:
    """What Ray's own validators say; and the file, with what Ray fills in."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        filled = prepare_config(copy.deepcopy(content))
        validate_config(filled)
    except Exception as error:  # whatever Ray answers is the finding
        why = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
        place = ".".join(map(str, getattr(error, "absolute_path", ())))
        found = " ".join(f"{place and f'{place}: '}{why}".split())[:500]
        return Finding(light="red", subject="Ray", found=found, fix="see there"), None
    return Finding(light="green", subject="Ray", found="its validators accept the file"), filled


def _placeholders(content: Any) -> Finding:
    left = {mark for text in _texts(content) for mark in _PLACEHOLDER.findall(text)}
    return Finding(
        light="red" if left else "green",
        subject="placeholders",
        found=f"not filled in: {', '.join(sorted(left))}" if left else "all filled in",
        fix="put your own in their place (infra/README.md)",
    )


def _token(content: Any) -> Finding:
    """Every node wants the token, and gets it as a file that only its owner reads; as are keys."""
    wrong = []
    mounts = content.get("file_mounts") or {}
    for kind in ("head", "worker"):
        starts = _ray_starts(content, kind)
        if not starts:
            wrong.append(f"{kind}: no `ray start` of its own, so Ray's, which wants no token")
        for command in starts:
            if "RAY_AUTH_MODE=token" not in command:
                wrong.append(f"{kind}: `ray start` without RAY_AUTH_MODE=token")
                continue
            named = re.search(r"RAY_AUTH_TOKEN_PATH=(\S+)", command)
            if named is None or named[1] not in mounts:
                path = named[1] if named else "RAY_AUTH_TOKEN_PATH"
                wrong.append(f"{kind}: no file_mounts entry brings {path}")
                continue
            wrong += _wrong_with_file(Path(mounts[named[1]]).expanduser())
    if _SITE_FILE in mounts:
        wrong += _wrong_with_file(Path(mounts[_SITE_FILE]).expanduser())
    return Finding(
        light="red" if wrong else "green",
        subject="authentication",
        found="; ".join(dict.fromkeys(wrong)) or "every node wants the token of a file of mode 600",
        fix="chmod 600, or as in infra/cluster.yaml; `python -m search doctor` makes a token",
    )


def _wrong_with_file(path: Path) -> list[str]:
    try:
        status = path.stat()
    except OSError as error:
        return [str(error)]
    if not status.st_size:
        return [f"{path} is empty"]
    return [f"{path} has mode {status.st_mode & 0o777:o}, not 600"] * bool(status.st_mode & 0o077)


def _dashboard(content: Any) -> Finding:
    """The dashboard's port takes jobs: it is reached by a tunnel."""
    hosts = [
        host
        for command in _ray_starts(content, "head")
        for host in re.findall(r"--dashboard-host[= ](\S+)", command)
        if host not in ("127.0.0.1", "localhost")
    ]
    return Finding(
        light="red" if hosts else "green",
        subject="dashboard",
        found=f"listens on {', '.join(hosts)}" if hosts else "on the head's loopback only",
        fix="--dashboard-host=127.0.0.1, and `ray dashboard` for a tunnel",
    )


def _ray_starts(content: Any, kind: str) -> list[str]:
    return [c for c in content.get(f"{kind}_start_ray_commands") or [] if "ray start" in c]


def _node_configs(content: Any) -> Finding:
    """Each node_config against what botocore knows of EC2's RunInstances."""
    try:
        import botocore.session
        from botocore.validate import ParamValidator
    except ImportError as error:
        return Finding(
            light="red", subject="node_config", found=str(error), fix="pip install -e '.[cluster]'"
        )
    ec2 = botocore.session.get_session().get_service_model("ec2")
    shape, wrong = ec2.operation_model("RunInstances").input_shape, []
    for name, node_type in content["available_node_types"].items():
        config = {k: v for k, v in node_type["node_config"].items() if k != "SubnetIds"}  # Ray's
        report = ParamValidator().validate({**config, "MinCount": 1, "MaxCount": 1}, shape)
        wrong += [f"{name}: {_nearest(line)}" for line in report.generate_report().splitlines()]
    return Finding(
        light="red" if wrong else "green",
        subject="node_config",
        found="; ".join(wrong) or "every key is one of EC2's RunInstances",
        fix="correct the key; Ray does not check them",
    )


def _nearest(line: str) -> str:
    """botocore's line on an unknown key lists all there are: the nearest ones will do."""
    unknown = re.fullmatch(r'Unknown parameter in (.+): "(.+)", must be one of: (.*)', line)
    if unknown is None:
        return line
    place, key, known = unknown.groups()
    near = difflib.get_close_matches(key, known.split(", "), n=3) or [known]
    return f"no key {key!r} in {'node_config' if place == 'input' else place}: {', '.join(near)}?"


def _ssh(content: Any) -> Finding:
    """SSH is not open to the world."""
    fix = "a security group that lets in your own address only: infra/aws.yaml makes it"
    types = content["available_node_types"]
    groupless = [name for name, kind in types.items() if not _groups(kind["node_config"])]
    if groupless:
        found = f"{', '.join(groupless)}: no SecurityGroupIds, so Ray makes a group with SSH open "
        found += "to 0.0.0.0/0, whatever provider.security_group says"
        return Finding(light="red", subject="SSH", found=found, fix=fix)
    groups = sorted({group for kind in types.values() for group in _groups(kind["node_config"])})
    if any(_PLACEHOLDER.search(group) for group in groups):
        found = "not known until the security group is filled in"
        return Finding(light="yellow", subject="SSH", found=found, fix=fix)
    try:
        open_to = _let_in(groups, content["provider"]["region"])
    except Exception as error:  # no credentials, no network, no such group, no boto3
        found = f"AWS was not asked what {', '.join(groups)} lets in: {error}"
        return Finding(light="yellow", subject="SSH", found=found, fix="see that it is not all")
    sizes = {text: ipaddress.ip_network(text, strict=False) for text in open_to}
    many = [
        text
        for text, net in sizes.items()
        if net.max_prefixlen - net.prefixlen > _OFFICE_BITS[net.version]
    ]
    several = [text for text, net in sizes.items() if net.num_addresses > 1]
    return Finding(
        light="red" if many else "yellow" if several else "green",
        subject="SSH",
        found=f"{', '.join(groups)}: open to {', '.join(many or open_to) or 'nobody'}",
        fix=fix,
    )


def _groups(node_config: Any) -> list[str]:
    """The security groups of a node: its own, or those of its network interfaces."""
    own: list[str] = node_config.get("SecurityGroupIds") or []
    cards = node_config.get("NetworkInterfaces") or []
    return [*own, *(group for card in cards for group in card.get("Groups") or [])]


def _let_in(groups: list[str], region: str) -> list[str]:
    """The address ranges that the groups let in, on any port."""
    import boto3
    import botocore.config

    patience = botocore.config.Config(
        connect_timeout=_AWS_TIMEOUT_S,
        read_timeout=_AWS_TIMEOUT_S,
        retries={"total_max_attempts": 1},
    )
    ec2 = boto3.client("ec2", region_name=region, config=patience)
    found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    rules = [rule for group in found for rule in group["IpPermissions"]]
    ranges = {r["CidrIp"] for rule in rules for r in rule.get("IpRanges", [])}
    return sorted(ranges | {r["CidrIpv6"] for rule in rules for r in rule.get("Ipv6Ranges", [])})


def _texts(value: Any) -> Iterator[str]:
    """Every string in the file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
