"""Checks before money is spent: green, yellow or red, with the fix for what is not green."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search.decisions import plan
from search.errors import ClusterError, RecordError, TrackingError, UserError, first_line
from search.machines.gpus import gpu_count, gpus_there
from search.machines.machine import core_count, memory_gib
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import NAMES
from search.tasks.task import Task
from search.tasks.user_code import user_code
from search.tracking.probe import probe
from trainables.errors import DataError

__all__ = ["Finding", "examine"]

Light = Literal["green", "yellow", "red"]
MEMORY_PER_WORKER_GIB = 1.0  # torch, the data's pages, a model
OTHER_FILES_GIB = 1.0  # MLflow's store, prepared data, predictions, logs
USUAL_CHECKPOINTS_GIB = 4.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found, and how to fix it."""

    light: Light
    subject: str
    found: str
    fix: str = ""


def examine(
    task: Task | None,
    *,
    studies_dir: Path,
    record: str | None,
    tracking_uri: str,
    data_dir: Path | None,
    ray: bool,
) -> Iterator[Finding]:
    """Each finding as it is made. With `ray`, the folders are tried from a worker process too."""
    yield _python()
    yield from _packages()
    yield _cores()
    yield _memory()
    yield _disk(studies_dir, task)
    yield _file_system(studies_dir)
    yield _gpus()
    yield _ports()
    yield _token()
    if task is not None:
        yield _data(task, data_dir)
    yield _studies(studies_dir, record)
    yield _tracking(tracking_uri, [task.name] if task else NAMES)
    if ray:
        yield _worker(studies_dir)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    light: Light = "green" if sys.version_info >= (3, 11) else "red"
    return Finding(light=light, subject="Python", found=version, fix="install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    """Every requirement of this project, against what is installed."""
    from packaging.requirements import Requirement

    wrong = []
    for line in _requirements():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, needed {requirement.specifier}")
    yield Finding(
        light="red" if wrong else "green",
        subject="packages",
        found="; ".join(wrong) or "all as required",
        fix="pip install -e . in the project's folder",
    )


def _requirements() -> list[str]:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.exists():
        described = tomllib.loads(project.read_text(encoding="utf-8"))
        dependencies: list[str] = described["project"]["dependencies"]
        return dependencies
    return importlib.metadata.requires("hyperparameter-search") or []


def _cores() -> Finding:
    cores = core_count()
    return Finding(
        light="green" if cores > 1 else "yellow",
        subject="cores",
        found=str(cores),
        fix="one core trains one trial at a time",
    )


def _memory() -> Finding:
    total, free = memory_gib()
    needed = MEMORY_PER_WORKER_GIB * core_count() + 1
    return Finding(
        light="green" if free >= needed else "yellow" if free >= needed / 2 else "red",
        subject="memory",
        found=f"{free:.1f} GiB free of {total:.1f}; {needed:.0f} wanted for {core_count()} workers",
        fix="end other programs, or start with fewer --workers",
    )


def _disk(folder: Path, task: Task | None) -> Finding:
    """Against the plan of a study as it is by default; of no known task, against a usual one's."""
    free, needed, what = shutil.disk_usage(_existing(folder)).free / 2**30, OTHER_FILES_GIB, ""
    if task is not None and task.checkpoint_mib is not None:
        config = StudyConfig(name="doctor", task=task.name, dataset="")
        fixed = {} if gpu_count() else task.without_gpu
        needed += plan.disk_gib(config.trials, task.checkpoint_mib(fixed))
        what = f" for {config.trials} trials of {task.name}"
    else:
        needed += USUAL_CHECKPOINTS_GIB
    return Finding(
        light="green" if free >= needed else "yellow" if free >= OTHER_FILES_GIB else "red",
        subject="disk",
        found=f"{free:.1f} GiB free for {folder}; {needed:.1f} wanted{what}",
        fix="make room, choose another --studies-dir, or lower --keep-checkpoints",
    )


def _file_system(folder: Path) -> Finding:
    """SQLite in WAL mode and flock need a local file system."""
    where, kind = _existing(folder).resolve(), "unknown"
    longest = -1
    mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    for line in mounts.splitlines():
        _, mount, found = line.split()[:3]
        if where.is_relative_to(mount) and len(mount) > longest:
            longest, kind = len(mount), found
    networked = re.match(r"nfs|cifs|smb|fuse|9p|afs|lustre", kind)
    return Finding(
        light="yellow" if networked else "green",
        subject="file system",
        found=f"{folder} is on {kind}",
        fix="locks and SQLite want a local disk: choose another --studies-dir",
    )


def _gpus() -> Finding:
    there, count = gpus_there(), gpu_count()
    if there.problem:
        fix = "`nvidia-smi` must answer: install or mend the driver"
        return Finding(light="red", subject="GPU", found=there.problem, fix=fix)
    if not there.cards:
        return Finding(light="green", subject="GPU", found="none: trials train on cores")
    found = [
        f"{card.name}, {card.used} of {card.memory} used, driver {card.driver}, "
        + (f"shared by {card.shared_by}" if card.shared_by else f"{card.compute_mode}: not shared")
        for card in there.cards
    ]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found.append(f"CUDA_VISIBLE_DEVICES={visible} leaves {count}")
    alone = not all(card.shared_by for card in there.cards)
    return Finding(
        light="yellow" if alone or not count else "green",
        subject="GPU",
        found="; ".join(found),
        fix="for trials to share a card: `nvidia-smi -c DEFAULT`, as root"
        if alone
        else "unset CUDA_VISIBLE_DEVICES, or name cards that are there (`nvidia-smi -L`)",
    )


def _ports() -> Finding:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            return Finding(light="red", subject="ports", found=str(error), fix="allow 127.0.0.1")
    with contextlib.closing(socket.socket()) as probe:
        taken = probe.connect_ex(("127.0.0.1", 5000)) == 0
    return Finding(
        light="yellow" if taken else "green",
        subject="ports",
        found="5000 is taken" if taken else "127.0.0.1 can be listened on; 5000 is free for `ui`",
        fix="python -m search ui --port 5001",
    )


def _token() -> Finding:
    from search.machines.ray_folders import token_file

    try:
        mode = token_file().stat().st_mode & 0o777
    except (OSError, RuntimeError, ClusterError) as error:
        why = first_line(error)
        fix = "a study on this machine makes its own; a cluster's must be there"
        return Finding(light="yellow", subject="authentication", found=why, fix=fix)
    return Finding(
        light="green" if mode == 0o600 else "red",
        subject="authentication",
        found=f"Ray's token is in a file of mode {mode:o}",
        fix="chmod 600 ~/.ray/auth_token",
    )


def _data(task: Task, data_dir: Path | None) -> Finding:
    try:
        with user_code("the data cannot be prepared"):
            prepared = task.data.prepare(task.data.DATASETS[0], data_dir)
    except (DataError, UserError, OSError) as error:
        return Finding(light="red", subject="data", found=str(error), fix="see there")
    return Finding(light="green", subject="data", found=f"verified ({prepared.hash[:12]})")


def _studies(folder: Path, url: str | None) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = open_record(folder, url=url, create=True)
        count = len(record.studies())
    except (RecordError, OSError) as error:
        return Finding(light="red", subject="studies", found=str(error), fix="see there")
    return Finding(
        light="green", subject="studies", found=f"{record.location} holds {count}, writable"
    )


def _tracking(uri: str, experiments: Sequence[str]) -> Finding:
    """What a delivery would meet."""
    try:
        probe(uri, experiments)
    except TrackingError as error:
        return Finding(light="red", subject="tracking", found=str(error), fix="see there")
    return Finding(light="green", subject="tracking", found=f"{uri} answers")


def _worker(studies_dir: Path) -> Finding:
    """A worker process of a real local Ray writes where trials and their results will go."""
    from search.machines.cluster import local_ray

    config = StudyConfig(name="doctor", task="", dataset="")
    try:
        with local_ray(config):
            import ray

            writes = ray.remote(try_to_write).remote(str(studies_dir.resolve()))
            ray.get(writes, timeout=12)
    except Exception as error:  # whatever Ray answers is the finding
        return Finding(
            light="red", subject="workers", found=str(error).splitlines()[-1], fix="see there"
        )
    return Finding(light="green", subject="workers", found="Ray starts; a worker writes there")


def try_to_write(folder: str) -> None:
    """In a worker."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"doctor")
        os.fsync(file.fileno())


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
