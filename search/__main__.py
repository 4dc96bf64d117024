# PYTHON_ARGCOMPLETE_OK
"""`python -m search`."""

import atexit
import contextlib
import os
import sys

if not sys.flags.utf8_mode and sys.getfilesystemencoding().lower() != "utf-8":
    # Files' names and texts are UTF-8 whatever the locale, those that libraries write included.
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])

_code: int | None = None


@atexit.register  # before all others, and so called after them
def _leave() -> None:
    """Leave at once: to tear down Ray's, pandas' and torch's modules takes most of a second."""
    if _code is not None:
        # Whoever read them may have gone.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(_code)


from search.cli.streams import ensure_streams  # noqa: E402

ensure_streams()

from search.cli.main import main  # noqa: E402

_code = main()
sys.exit(_code)
