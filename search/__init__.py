"""The hyperparameter-search service.

Ray reads its environment when it is imported, so ours is set here: before any module of this
package can import it. What a user has set stands.
"""

import os

_RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",  # whoever reaches Ray's ports can run code
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's way to say: listen on 127.0.0.1 only
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # else Tune prints tables, verbose or not
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PL_DISABLE_FORK": "1",  # as Tune sets it for trials (ray#28197)
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # result files nobody reads
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # search/driver/ending.py hears Ctrl-C
    "TUNE_FORCE_TRIAL_CLEANUP_S": "10",  # an actor that does not end is ended
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",  # Tune's snapshots: the record is the truth
}
for _name, _value in _RAY_ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
