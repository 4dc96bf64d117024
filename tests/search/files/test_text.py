"""Text that can be written, and seen, anywhere."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.files.text import escape_what_cannot_be_printed, one_line, writable


@pytest.mark.parametrize("text", ["", "plain", "é № 精度 🎯", "a\nb\t", "\x1b[31m"])
def test_text_that_can_be_written_is_left_as_it_is(text):
    assert writable(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_written(text):
    kept = writable(text)

    assert "\0" not in kept
    assert kept.encode("utf-8").decode("utf-8") == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("acc%", "acc%"),
        ("精度", "精度"),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("", "''"),
        (" a ", "' a '"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_name_is_one_line_that_can_be_seen(text, shown):
    assert one_line(text) == shown


def test_what_a_stream_cannot_show_is_escaped(monkeypatch):
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding="latin-1"))
    monkeypatch.setattr(sys, "stderr", None)

    escape_what_cannot_be_printed()
    print("é № \udcff", flush=True)

    assert bytes_.getvalue() == "é \\u2116 \\udcff\n".encode("latin-1")
