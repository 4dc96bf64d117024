"""A cluster of the test's own hosts, run as infra/README.md says, and what is seen of it from
outside: PostgreSQL, MLflow over HTTP, the S3 store, processes."""

from __future__ import annotations

import configparser
import contextlib
import json
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.cluster.hosts import HOME, STATE, Host, Hosts, hosts, until
from tests.conftest import ROOT

__all__ = ["Rig", "rig"]

NAME = "sts-1"
BUCKET = "search"
S3_PORT = 9000
FILE = "infra/onprem.yaml"
CHECKOUT = "checkout"  # at home on the laptop


class Rig:
    """The hosts, and what a user types on the laptop."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.laptop, self.head = hosts.laptop, hosts.head
        self.laptop.env = {
            "PYTHONPATH": str(HOME / CHECKOUT),
            "PATH": f"{HOME}/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "RAY_USAGE_STATS_ENABLED": "0",
            "SEARCH_CLUSTER": "http://127.0.0.1:8265",
        }
        self.opened: list[subprocess.Popen[str]] = []

    def type(self, command: str, **options: Any) -> str:
        """A command in the laptop's checkout; what it prints. It must succeed."""
        done = self.laptop.run(f"cd {CHECKOUT} && {command}", **options)
        return done.stdout + done.stderr

    def leave_open(self, command: str) -> None:
        """A command in a shell of its own on the laptop, such as a tunnel."""
        log = (self.laptop.world / "tunnels.log").open("a")
        opened = self.laptop.start(
            f"cd {CHECKOUT} && exec {command}", stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        self.opened.append(opened)

    def store(self) -> None:
        """An S3 server on the laptop's side of the bridge, with a bucket, and the site's file."""
        address = f"http://{self.laptop.address}:{S3_PORT}"
        self.leave_open(f"moto_server -H {self.laptop.address} -p {S3_PORT}")
        site = {
            "SEARCH_STORAGE": f"s3://{BUCKET}/storage",
            "AWS_ACCESS_KEY_ID": "cluster",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address,
        }
        lines = "".join(f"{name}={value}\n" for name, value in site.items())
        self.laptop.run(f"umask 077 && printf %s {shlex.quote(lines)} >.search.env")
        self._site = {**site, "AWS_DEFAULT_REGION": "us-east-1"}
        until(lambda: self.s3(f"s3.create_bucket(Bucket='{BUCKET}')", check=False), 60, "S3")

    def s3(self, code: str, **options: Any) -> str:
        env = " ".join(f"{name}={value}" for name, value in self._site.items())
        code = f"import boto3; s3 = boto3.client('s3'); print({code})"
        return self.laptop.run(f"{env} python -c {shlex.quote(code)}", **options).stdout

    def keys(self) -> list[str]:
        """Of all that is in the store."""
        pages = "s3.get_paginator('list_objects_v2').paginate(Bucket='search')"
        keys = self.s3(
            f"*[o['Key'] for page in {pages} for o in page.get('Contents', [])], sep='\\n'"
        )
        return keys.split()

    def fill_in(self) -> None:
        """Put this cluster's own into the file's placeholders."""
        workers = [self.hosts.worker1.address, self.hosts.worker2.address]
        values = {
            "YOUR_HEAD_IP": self.head.address,
            "YOUR_WORKER_IPS": ", ".join(workers),
            "YOUR_SSH_USER": "root",
            "YOUR_SSH_KEY": "~/.ssh/id_ed25519",
            "YOUR_STATE": str(STATE),
        }
        text = (ROOT / FILE).read_text()
        for placeholder, value in values.items():
            assert placeholder in text
            text = text.replace(placeholder, value)
        self.laptop.run(f"cat >{CHECKOUT}/{FILE} <<'END'\n{text}\nEND")

    def nodes(self) -> int:
        """How many of the cluster's nodes are alive, the head among them."""
        address = f"{self.head.address}:6379"
        code = f"import ray; ray.init(address='{address}', log_to_driver=False)\n"
        code += "print(sum(n['Alive'] for n in ray.nodes()))"
        done = self.head.run(f"RAY_AUTH_MODE=token ~/venv/bin/python -c {shlex.quote(code)}")
        return int(done.stdout.split()[-1])

    def sql(self, query: str) -> str:
        address = "postgresql://search@127.0.0.1:5442/search"
        return self.head.run(
            f"psql --no-password -Atc {shlex.quote(query)} {address}"
        ).stdout.strip()

    def count(self, table: str) -> int:
        """The study's rows in a table of the record."""
        of = f"(select id from studies where name = '{NAME}')"
        return int(self.sql(f"select count(*) from {table} where study_id = {of}"))

    def events(self) -> list[dict[str, Any]]:
        """All of the study's, in order, each with its kind."""
        code = f"""
import dataclasses, json, pathlib, search.record.record
record = search.record.record.open_record(pathlib.Path("{STATE}/studies"),
                                   url="postgresql://search@127.0.0.1:5442/search")
for _, at, event in record.events(record.study("{NAME}")):
    print(json.dumps({{"at": at, "kind": type(event).__name__, **dataclasses.asdict(event)}}))
"""
        return [json.loads(line) for line in self.head.python(code).splitlines()]

    def mlflow(self) -> list[dict[str, Any]]:
        """Every run of the study, with each point of its curve, through the tunnel."""
        output = self.type(readme("ray exec")).replace("\r", "")
        settings = configparser.ConfigParser()
        settings.read_string(output[output.index("[mlflow]") :].partition("\n\n")[0])
        account = {k.upper(): v.strip() for k, v in settings["mlflow"].items()}
        code = f"""
import json, mlflow
client = mlflow.MlflowClient("http://127.0.0.1:5000")
experiment = client.get_experiment_by_name("sts").experiment_id
for run in client.search_runs([experiment], "tags.study = '{NAME}'", max_results=1000):
    tags = dict(run.data.tags)
    points = client.get_metric_history(run.info.run_id, "dev_pearson") if "trial" in tags else []
    curve = [(p.step, p.value) for p in points]
    print(json.dumps(dict(tags=tags, status=run.info.status, curve=curve,
                          params=len(run.data.params))))
"""
        env = " ".join(f"{name}={shlex.quote(value)}" for name, value in account.items())
        self.leave_open(readme("ray attach"))
        self.answers(5000)
        output = self.laptop.run(f"{env} python -c {shlex.quote(code)}", timeout_s=120).stdout
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def answers(self, port: int) -> None:
        """Wait until a tunnel stands."""
        look = f"timeout 1 bash -c '</dev/tcp/127.0.0.1/{port}'"
        until(lambda: self.laptop.run(look, check=False).returncode == 0, 60, f"port {port}")

    def close(self) -> None:
        """Close the laptop's tunnels; the store stays, as S3 does."""
        for process in self.laptop.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "ssh":
                    process.terminate()

    def diagnosis(self) -> str:
        """What the logs say, for a failed run."""
        logs = []
        looks = {
            self.head: "tail -n 60 /tmp/ray/session_latest/logs/monitor.log "
            f"/tmp/ray/session_latest/logs/job-driver-* {STATE}/studies/*/logs/driver.log "
            f"{STATE}/studies/*/logs/tracking.log {STATE}/logs/*",
            self.laptop: f"tail -n 20 {HOME}/*.log",
            self.hosts.worker1: "tail -n 20 /tmp/ray/session_latest/logs/raylet.out",
            self.hosts.worker2: "tail -n 20 /tmp/ray/session_latest/logs/raylet.out",
        }
        for host, look in looks.items():
            with contextlib.suppress(Exception):
                logs.append(f"===== {host.name}\n{host.run(look, check=False).stdout[-12000:]}")
        return "\n".join(logs)


@contextlib.contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Hosts for the block's length; where it fails, their logs are printed."""
    with hosts(folder) as four:
        made = Rig(four)
        try:
            yield made
        except BaseException:
            print(made.diagnosis())
            raise
        finally:
            for process in made.opened:
                process.kill()
                process.wait()


def readme(start: str) -> str:
    """The command in infra/README.md that starts so, for own machines."""
    lines = (ROOT / "infra" / "README.md").read_text().splitlines()
    found = [line for line in lines if line.startswith(start)]
    assert found, f"infra/README.md has no command {start!r}"
    return found[0].replace("infra/cluster.yaml", FILE).replace("NAME", NAME)


def left(host: Host) -> list[str]:
    """What still runs in it."""
    lines = []
    for process in host.processes():
        with contextlib.suppress(Exception):
            lines.append(" ".join(process.cmdline())[:200] or process.name())
    return lines
