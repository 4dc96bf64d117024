"""Cards are seen by looking; the variable that hides some is read as CUDA reads it."""

import pytest

from search.machines.gpus import gpu_count, gpus_there


def test_no_device_file_is_no_card_whatever_the_variable_says(nvidia, monkeypatch):
    nvidia(cards=0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    assert gpu_count() == 0


def test_cards_are_counted_not_the_driver_s_other_files(nvidia):
    nvidia(cards=3)

    assert gpu_count() == 3


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        ("", 0),
        ("-1", 0),
        ("NoDevFiles", 0),
        ("none", 0),
        ("all", 0),
        ("0", 1),
        ("0,1", 2),
        ("3, 0,", 2),
        ("0,-1,1", 1),
        ("0,4,1", 1),
        ("4", 0),
        ("1,1", 0),
        ("GPU-2aaa-bbbb,GPU-0aaa-bbbb", 2),
        ("GPU-2", 1),
        ("GPU-", 0),
        ("GPU-8f2a", 0),
        ("GPU-2aaa-bbbb,2", 0),
        ("GPU-2aaa-bbbb,1", 2),
        ("MIG-00cc-dddd", 0),
    ],
)
def test_the_variable_is_read_as_cuda_reads_it(nvidia, monkeypatch, visible, count):
    nvidia(cards=4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert gpu_count() == count


@pytest.mark.parametrize(
    ("visible", "count"),
    [("MIG-00cc-dddd,MIG-01cc-dddd,MIG-10cc-dddd", 3), ("MIG-0", 0), ("MIG-77cc", 0), ("0", 1)],
)
def test_mig_devices_are_found_by_name(nvidia, monkeypatch, visible, count):
    nvidia(cards=2, mig=2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert gpu_count() == count


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 2), ("1", 1), ("2", 0), ("GPU-8f2a", 1), ("GPU-1,GPU-2,GPU-3", 2)]
)
def test_without_nvidia_smi_device_files_count(nvidia, monkeypatch, visible, count):
    nvidia(cards=2, says="missing")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert gpu_count() == count


@pytest.mark.parametrize("says", ["fails", "hangs", "nothing"])
def test_a_driver_that_does_not_answer_has_no_card(nvidia, says):
    nvidia(cards=2, says=says)

    assert gpu_count() == 0
    assert gpus_there().problem
