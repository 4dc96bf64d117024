"""Commands typed elsewhere, run on a cluster's head as Ray jobs: there the record, the storage and
the versions are. Only the head's job port need be reachable, through a tunnel."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from search.errors import ClusterError
from search.files.addresses import has_secret, without_secrets
from search.machines.ray_folders import shared_token, token_file

__all__ = ["ACCEPTED", "SUPERVISOR", "run_on_head", "start_on_head"]

SUPERVISOR = "search.cli.supervise"
ACCEPTED = "the study is on record: "  # the supervisor's word that its driver is at work
RAY_S_LAST_LINE = "Running entrypoint for job"  # the last that Ray itself puts into a job's log
POLL_S = 0.5
STARTING_S = 30.0  # a head takes jobs a while after it answers
ACCEPTANCE_S = 300.0  # data is prepared and every node examined before


def run_on_head(cluster: str, arguments: Sequence[str], module: str = "search") -> int:
    """Run `python -m MODULE ARGUMENTS` on the head, show what it prints; its exit code.

    Ctrl-C here leaves it running there. Raises ClusterError.
    """
    client = _client(cluster)
    job = _submit(client, module, arguments)
    shown = ""
    while True:
        ended = client.get_job_status(job).is_terminal()
        shown = _show(client, job, shown)
        if ended:
            return _exit_code(client, job)
        time.sleep(POLL_S)


def start_on_head(cluster: str, arguments: Sequence[str], name: str) -> int:
    """Have the head's supervisor drive study `name`; return once it is on record, or refused.

    The exit code of what was refused, else 0. Raises ClusterError.
    """
    client = _client(cluster)
    job = _submit(client, SUPERVISOR, arguments)
    until, shown = time.monotonic() + ACCEPTANCE_S, ""
    while time.monotonic() < until:
        ended = client.get_job_status(job).is_terminal()
        shown = _show(client, job, shown)
        if ACCEPTED in shown:
            print(f"study {name} runs on the cluster as job {job}: close what you like")
            return 0
        if ended:
            return _exit_code(client, job)
        time.sleep(POLL_S)
    raise ClusterError(
        f"the cluster has not begun study {name} in {ACCEPTANCE_S:.0f} s; it may still: "
        f"`python -m search show {name} --cluster {shlex.quote(cluster)}`"
    )


def _client(cluster: str) -> Any:
    if not cluster.startswith(("http://", "https://")):
        raise ClusterError(
            f"--cluster is the address of a head's job server, as http://127.0.0.1:8265 through "
            f"a tunnel; got {without_secrets(cluster)!r}"
        )
    shared_token()
    from ray.job_submission import JobSubmissionClient

    try:
        return JobSubmissionClient(cluster)
    except Exception as error:  # ConnectionError, RuntimeError: no server, wrong token, old Ray
        text = " ".join(str(error).split())
        if "token" in text.lower() or "401" in text or "403" in text:
            text = f"it refuses this token: {token_file()} must hold the head's"
        raise ClusterError(
            f"no cluster to be used at {without_secrets(cluster)}: {without_secrets(text)[:300]}"
        ) from None


def _submit(client: Any, module: str, arguments: Sequence[str]) -> str:
    for text in arguments:
        if has_secret(text):  # the head keeps, and shows, what a job was started with
            raise ClusterError(
                f"an address with a password or a token in it is refused: {without_secrets(text)} "
                "is without it; the head's own files and environment have it"
            )
    entrypoint = f"python -m {module} {shlex.join(arguments)}"
    until = time.monotonic() + STARTING_S
    while True:
        try:
            return str(client.submit_job(entrypoint=entrypoint))
        except Exception as error:
            why = " ".join(str(error).split())
            if "No available agent" not in why or time.monotonic() > until:
                raise ClusterError(f"the cluster takes no job: {why[:300]}") from None
            time.sleep(POLL_S)  # the head is starting


def _show(client: Any, job: str, shown: str) -> str:
    """Print what the job has printed since; all of it so far."""
    printed = shown
    with contextlib.suppress(RuntimeError):  # its log is not there yet
        log: str = client.get_job_logs(job)
        printed = log.partition(RAY_S_LAST_LINE)[2].partition("\n")[2]
    if len(printed) > len(shown):
        sys.stdout.write(printed[len(shown) :])
        sys.stdout.flush()
    return printed


def _exit_code(client: Any, job: str) -> int:
    """That of the command; 1 if its process was lost."""
    details = client.get_job_info(job)
    if details.driver_exit_code is not None:
        return int(details.driver_exit_code)
    if details.status != "SUCCEEDED":
        print(f"error: job {job}: {details.message}", file=sys.stderr)
    return 0 if details.status == "SUCCEEDED" else 1
