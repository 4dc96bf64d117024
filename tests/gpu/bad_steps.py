"""Steps that measure something, and come to a bad end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from tests.gpu.setting import Row, Setting


def raises(setting: Setting) -> Iterator[Row]:
    yield {"measured": 1}
    raise ValueError("something is wrong")


def dies(setting: Setting) -> Iterator[Row]:
    yield {"measured": 1}
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(setting: Setting) -> Iterator[Row]:
    yield {"measured": 1}
    time.sleep(1e6)
