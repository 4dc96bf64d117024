"""What Ray and Tune read of the environment when they are imported.

Set before any module of this package can import them (search/__init__.py). What a user has set
stands.
"""

from __future__ import annotations

import os

__all__ = ["set_environment"]

_RAY_ENVIRONMENT = {
    # Whoever reaches Ray's ports can run code.
    "RAY_AUTH_MODE": "token",
    # Ray's way to say: listen on 127.0.0.1 only.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else Tune prints tables, verbose or not.
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # As Tune sets it for trials (ray#28197).
    "PL_DISABLE_FORK": "1",
    # Result files that nobody reads.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # search/driver/ending.py handles Ctrl-C.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # An actor that does not end is ended.
    "TUNE_FORCE_TRIAL_CLEANUP_S": "10",
    # Tune's snapshots: the record is the truth.
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",
}


def set_environment() -> None:
    for name, value in _RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
