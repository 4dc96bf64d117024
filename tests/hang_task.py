"""The curve task in a module whose import hangs in a worker process."""

import sys
import time

from tests import curve_task

if "default_worker.py" in " ".join(sys.orig_argv):
    time.sleep(1e6)

TASK = curve_task.TASK
