import re
import subprocess
import sys

import pytest

from trainables.sts import Config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"norm": "batch"}, "norm must be one of none, layer, contrast; got 'batch'"),
        ({"layers": 3}, "layers must be one of 1, 2; got 3"),
        ({"hidden": 0}, "hidden must be between 1 and 4096, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be between 1e-08 and 10.0, got nan"),
        ({"label_smoothing": 0.9}, "label_smoothing must be between 0.0 and 0.5, got 0.9"),
        ({"hidden": 64.0}, "hidden must be int, got 64.0 (float)"),
        ({"idf": 1}, "idf must be bool, got 1 (int)"),
    ],
)
def test_a_bad_value_is_refused_with_the_rule(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Config(**values)


def test_the_driver_pays_for_no_torch():
    code = (
        "import sys, trainables.sts, trainables.sts.data\n"
        "print([name for name in ('torch', 'gensim', 'scipy', 'pooch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
