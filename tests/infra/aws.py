"""An AWS on loopback (moto), and infra/cluster.yaml filled in from the stack made there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import ROOT

CALLER = "203.0.113.7/32"
REGION = "us-west-2"


@contextmanager
def aws(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """boto3 in this process talks to it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "HOME": str(folder),  # Ray keeps a key there
    }.items():
        monkeypatch.setenv(name, value)
    try:
        yield
    finally:
        server.stop()


def make_stack(caller: str = CALLER) -> dict[str, str]:
    """infra/aws.yaml, made; its outputs."""
    formation = boto3.client("cloudformation")
    parameters = {"Caller": caller, "Zone": f"{REGION}a"}
    formation.create_stack(
        StackName="search",
        TemplateBody=(ROOT / "infra" / "aws.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    (stack,) = formation.describe_stacks(StackName="search")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def fill_in(outputs: dict[str, str]) -> str:
    """infra/cluster.yaml with the outputs in place of its YOUR_..., as the README says."""
    text = (ROOT / "infra" / "cluster.yaml").read_text()
    for key, value in outputs.items():
        text = re.sub(rf"YOUR_{key}\b", value, text)
    return text
