"""No secret in an address: it would be stored, shown and logged with it. Pure."""

from __future__ import annotations

import re

__all__ = ["has_secret", "without_secrets"]

# USER:PASSWORD@, but not HOST:PORT/…@; of the web a name alone, which may be a token.
_USER_AND_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):(?!\d+(?:[/\s]|$))\S*@")
_WEB_USER = re.compile(r"(?<=https://)[^/?#\s]*@|(?<=http://)[^/?#\s]*@")
_NAMES = "password|passwd|pwd|token|secret|credential|api_?key|access_?key"
_PARAMETER = re.compile(rf"(?<=[?&;#])[\w.-]*(?:{_NAMES})[\w.-]*=[^&;#\s'\"]*&?", re.IGNORECASE)
_NOTHING_LEFT = re.compile(r"[?&;#]+(?=$|[\s'\",])")


def has_secret(address: str) -> bool:
    """Whether it holds a password, a token or the like."""
    return any(p.search(address) for p in (_USER_AND_PASSWORD, _WEB_USER, _PARAMETER))


def without_secrets(text: str) -> str:
    """An address, or a text that has some in it, without what is secret in them.

    >>> without_secrets("no answer from postgresql://me:s3cret@db/mlflow?token=t")
    'no answer from postgresql://me@db/mlflow'
    """
    if not has_secret(text):
        return text
    text = _USER_AND_PASSWORD.sub(r"\1@", text)
    return _NOTHING_LEFT.sub("", _PARAMETER.sub("", _WEB_USER.sub("", text)))
