import subprocess
import sys

from trainables.seeding import derive


def test_a_seed_is_the_same_in_every_process():
    code = "from trainables.seeding import derive; print(derive(0, 'trial', 7))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == derive(0, "trial", 7)


def test_seeds_differ_by_seed_and_by_every_part_of_the_path():
    paths = [
        (0, "trial", 7),
        (0, "trial", 8),
        (1, "trial", 7),
        (0, "confirm", 7),
        (0, "trial", "7"),
    ]
    paths += [(0, "trial"), (0,), (0, "tria", "l7")]
    seeds = {derive(*path) for path in paths}
    assert len(seeds) == len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)
