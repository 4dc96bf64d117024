"""infra/volume, with the programs it calls replaced: which of them it calls, in which order."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAKES = {
    "mountpoint": 'test -n "$MOUNTED"',
    "curl": 'case "${@: -1}" in *instance-id) echo i-1;; *) echo us-west-2;; esac',
    "aws": 'echo "aws $2 $3" >>$CALLS; [ "$2" != describe-volumes ] || echo "$HOLDER"',
    "sudo": 'echo "sudo $1" >>$CALLS; [ "$1" != blkid ] || exit "$BLKID"',
}


MOUNT = ["mkdir", "mount", "chown"]


@pytest.mark.parametrize(
    ("mounted", "holder", "blkid", "calls"),
    [
        ("yes", "", 0, []),
        ("", "None", 2, ["describe", "wait", "attach", "blkid", "mkfs.ext4", *MOUNT]),
        ("", "i-old", 0, ["describe", "wait", "attach", "blkid", *MOUNT]),
        ("", "i-1", 0, ["describe", "blkid", *MOUNT]),
        ("", "i-1", 8, ["describe", "blkid", *MOUNT]),
    ],
    ids=["mounted", "new", "from an earlier head", "after a reboot", "unreadable: not formatted"],
)
def test_what_is_done(tmp_path: Path, mounted: str, holder: str, blkid: int, calls: list[str]):
    programs, log = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    for name, body in FAKES.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "nvme-Amazon_Elastic_Block_Store_vol0a1").touch()
    log.touch()

    subprocess.run(
        [ROOT / "infra" / "volume", "vol-0a1", str(tmp_path / "state")],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(log),
            "DEVICES": str(tmp_path),
            "MOUNTED": mounted,
            "HOLDER": holder,
            "BLKID": str(blkid),
        },
        check=True,
        timeout=30,
    )

    done = [line.split()[1].split("-volume")[0] for line in log.read_text().splitlines()]
    assert done == calls
