"""Every step of tests/gpu/check, without a GPU and at a tiny size: it must run on a day when there
is one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Place
from tests.gpu.steps import STEPS, Step, run
from tests.waiting import HANGS_S

CHECK = Path(__file__).with_name("check")


def check(place: Place, *options: str) -> tuple[int, list[dict]]:
    """Exit code and rows, each of which was printed too."""
    place.env |= {"OUT": str(place.folder), "CUDA_VISIBLE_DEVICES": ""}
    # The kit's own Python would be looked for there; it takes the one of the tests.
    place.env["PATH"] = f"{Path(sys.executable).parent}:{place.env['PATH']}"
    work = Path(place.env["SEARCH_CACHE_DIR"], "gpu-check")
    work.mkdir(parents=True, exist_ok=True)
    (place.folder / "mlflow.db").rename(work / "mlflow.db")
    done = subprocess.run(
        [CHECK, *options], env=place.env, capture_output=True, text=True, timeout=HANGS_S
    )
    rows = [json.loads(line) for line in (place.folder / "check.jsonl").read_text().splitlines()]
    assert all(f"{row['step']:10} " in done.stdout for row in rows)
    return done.returncode, rows


def test_all_steps_run(place: Place) -> None:
    code, rows = check(place, "--rehearse")

    assert [row for row in rows if "failed" in row] == []
    assert code == 0
    # What a card's driver brings along.
    left_out = [row["not_run"] for row in rows if "not_run" in row]
    assert all("nvidia-cuda-mps-control" in reason for reason in left_out)
    measured = {row["step"] for row in rows if "took_s" not in row}
    assert measured == {step.name for step in STEPS}
    found = {row["what"]: row for row in rows if "what" in row}
    assert found["resumed"]["state"] == "finished"
    assert found["resumed"]["epochs_lost"] == 0
    assert found["out of memory"]["healthy_complete"] == 3
    assert len([row for row in rows if row["step"] == "accuracy" and "what" in row]) == 5


def test_the_most_important_have_their_time_within_eight_minutes() -> None:
    names = [step.name for step in STEPS]
    first = STEPS[: names.index("accuracy")]

    assert sum(step.most_s for step in first) <= 8 * 60
    assert all(step.least_s <= step.most_s for step in STEPS)


def test_the_readme_lists_the_steps_in_their_order() -> None:
    readme = CHECK.with_name("README.md").read_text()
    listed = re.findall(r"^\| (\w+) \| .* \| (\d+) s \|$", readme, re.MULTILINE)

    assert listed == [(step.name, f"{step.most_s}") for step in STEPS]


def test_without_a_card_and_without_time_each_step_says_so(place: Place) -> None:
    code, rows = check(place, "--minutes", "0.2", "--only", "machine", "--only", "study")

    machine, took, study = rows
    assert code == 1
    assert "torch sees no CUDA device" in machine["failed"]
    assert took["took_s"] > 0
    assert study["not_run"].endswith("s left, 60 wanted")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("raises", "ValueError: something is wrong"),
        ("dies", "it ended with -9"),
        ("hangs", "not at its end after 8 s"),
    ],
)
def test_a_step_that_fails_is_a_row_and_loses_none(
    tmp_path: Path, function: str, reason: str
) -> None:
    begun = time.monotonic()

    step = Step("bad", f"tests.gpu.bad_steps:{function}", 0, 8)
    run(step, 8, tmp_path / "rows", tmp_path, rehearse=True)

    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert rows[0] == {"step": "bad", "measured": 1}
    assert rows[1] == {"step": "bad", "failed": reason}
    assert time.monotonic() - begun < 60
