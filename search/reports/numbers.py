"""How a number is shown to a person: with the digits that tell it from those beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["estimate_text", "interval_text", "number_text", "number_texts"]

# The least: decimals of an ordinary score, significant digits of other numbers.
DIGITS = 4
# Significant digits by which two numbers differ; what is beyond is the noise of their computation,
# which differences have more of.
MOST_DIGITS, MOST_OF_DIFFERENCES = 15, 12


def number_texts(
    values: Sequence[float], beside: Iterable[float] = (), *, signed: bool = False
) -> list[str]:
    """Each as text, with the fewest digits that tell different ones apart, from DIGITS on.

    `beside`: others that a reader sees with them. `signed`: differences, as +0.0123.
    """
    most = MOST_OF_DIFFERENCES if signed else MOST_DIGITS
    different = {f"{value:.{most}g}" for value in (*values, *beside)}
    numbers = [float(text) for text in different]
    # As many decimals as its neighbours have, where that shows anything of a small one.
    least = 5e-4 if any(abs(number) >= 0.01 for number in numbers) else 0.01
    digits = DIGITS
    while len({_text(n, digits, least) for n in numbers}) < len({n + 0.0 for n in numbers}):
        digits += 1
    return [_text(float(value), digits, least, "+" if signed else "") for value in values]


def number_text(value: float, *beside: float, signed: bool = False) -> str:
    """One number, told from those `beside` it."""
    [text] = number_texts([value], beside, signed=signed)
    return text


def estimate_text(
    value: float, low: float | None, high: float | None, *, signed: bool = False
) -> str:
    """As "0.7201 [0.7012, 0.7310]": the estimate, and its interval where that is known."""
    known = [bound for bound in (low, high) if bound is not None]
    shown = number_text(value, *known, signed=signed)
    return f"{shown} {interval_text(low, high, value, signed=signed)}"


def interval_text(
    low: float | None, high: float | None, *beside: float, signed: bool = False
) -> str:
    """As "[0.7012, 0.7310]"; `beside`: the estimate, with which it is read."""
    if low is None or high is None:
        return "[unknown]"
    return f"[{', '.join(number_texts([low, high], beside, signed=signed))}]"


def _text(value: float, digits: int, least: float, sign: str = "") -> str:
    """`digits`: decimals between `least` and a million, significant digits elsewhere."""
    if value == 0:
        # Minus zero is zero.
        return f"{0.0:{sign}.{digits}f}"
    ordinary = least <= abs(value) < 1e6
    return f"{value:{sign}.{digits}{'f' if ordinary else 'g'}}"
