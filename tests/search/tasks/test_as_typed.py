import pytest

from search.cli.main import parse
from search.tasks.as_typed import as_typed


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("max_epochs", 9, ["--max-epochs", "9"]),
        ("trial_timeout_s", 600.0, ["--trial-timeout", "600"]),
        ("gpus_per_trial", 0.25, ["--gpus-per-trial", "0.25"]),
        ("storage", None, []),
        ("events", True, ["--events"]),
        ("events", False, []),
        ("baseline", True, []),
        ("baseline", False, ["--no-baseline"]),
        ("fixed", {"rate": 0.1, "kind": "x"}, ["--set", "rate=0.1", "--set", "kind=x"]),
        ("points", ["a", "b"], ["--points", "a,b"]),
        ("points", {"a": {"x": 1}}, ["--points", '{"a": {"x": 1}}']),
    ],
)
def test_a_setting_is_an_option_that_run_takes(name, value, typed):
    assert as_typed(name, value) == typed
    parse(["run", "sts", *typed])
