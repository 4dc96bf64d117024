"""The live view in a Jupyter notebook: one output of the cell, updated in place."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Callable

from rich.console import Console, RenderableType

__all__ = ["WIDTH", "display_in_notebook"]

WIDTH = 100
_HTML = '<pre style="white-space:pre;line-height:normal;font-family:monospace">{code}</pre>'


def display_in_notebook() -> Callable[[RenderableType], None] | None:
    """A function that shows its argument in place of what it showed before; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import HTML, display

    # What Ray and tqdm would show where ipywidgets is not installed.
    logging.getLogger("ray.widgets").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="IProgress not found")
    handle = display(HTML(""), display_id=True)
    return lambda shown: handle.update(HTML(_as_html(shown)))


def _as_html(shown: RenderableType) -> str:
    # Else rich shows it in the cell itself.
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_jupyter=False)
    console.print(shown)
    return console.export_html(code_format=_HTML, inline_styles=True)
