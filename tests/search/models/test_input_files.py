"""What a model is asked, and where its answers go. Asking: test_promote, test_registered_model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search.models.input_files import read_inputs, write_answers

PAIRS = pd.DataFrame({"sentence1": ["a", "b", "c"], "sentence2": ["x", "y", "z"]})
ANSWERS = pd.DataFrame({"score": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("index", [[2, 0, 1], [7, 8, 9], [0, 0, 0]])
def test_each_answer_is_beside_what_was_asked(tmp_path: Path, kind: str, index: list[int]) -> None:
    """A shuffled, a cut and a joined table keep their index in a .parquet file."""
    asked, told = tmp_path / "asked.parquet", tmp_path / f"told.{kind}"
    PAIRS.set_axis(index).to_parquet(asked)

    write_answers(read_inputs(asked), ANSWERS, told)

    expected = pd.concat([PAIRS, ANSWERS], axis=1)
    pd.testing.assert_frame_equal(read_inputs(told).astype({"score": float}), expected)


def test_an_older_answer_is_replaced(tmp_path: Path) -> None:
    asked = PAIRS.assign(score=9.0)

    write_answers(asked, ANSWERS, tmp_path / "told.parquet")

    assert read_inputs(tmp_path / "told.parquet")["score"].tolist() == [1.0, 2.0, 3.0]


def test_a_text_that_looks_like_nothing_stays_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('sentence1,sentence2\nNA,\n"a, b",None\n')

    assert read_inputs(tmp_path / "a.csv").to_numpy().tolist() == [["NA", ""], ["a, b", "None"]]


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\r\nx,y\r\n\r\n\r\n")

    assert read_inputs(tmp_path / "a.csv").to_dict("list") == {"a": ["x"], "b": ["y"]}


def test_a_text_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"a,b\n{'x' * 200_000},y\n")

    assert len(read_inputs(tmp_path / "a.csv")["a"][0]) == 200_000


def _npy(shape: str, content: bytes) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "comma.csv",
            b"sentence1,sentence2\nA man, old,sits\nfoo,bar\n",
            "comma in it needs quotes",
        ),
        ("later.csv", b"a,b\nx,y\nA man, old,sits\n", "row 3 has 3 cells, its header has 2"),
        ("short.csv", b"a,b\nx,y\nx\n", "row 3 has 1 cells, its header has 2"),
        ("blank.csv", b"a,b\n\nx,y\n", "row 2 has 0 cells"),
        ("twice.csv", b"a,b,a\nx,y,z\n", "each column needs a name of its own, got a, b, a"),
        ("open.csv", b'a,b\nx,"y\nx,y\n', "unexpected end"),
        ("empty.csv", b"", "no such file"),
        ("empty.npy", b"", "no such file"),
        ("cut.npy", b"\x93NUMPY\x01\x00", "no such file"),
        ("header.npy", _npy("(1", b""), "no such file"),
        ("huge.npy", _npy("(1000000000, 32, 32, 3)}", b""), "no such file"),
        ("true.npy", _npy("(True, 2)}", b"xy"), "no such file"),
        ("text.npy", b"not an array", "no such file"),
        ("text.parquet", b"not a table", "no such file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ValueError, match=said):
        read_inputs(tmp_path / name)


def test_no_altered_byte_of_a_table_is_a_traceback(tmp_path: Path) -> None:
    PAIRS.to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    said = set()
    for at in range(whole.index(b'{"index_columns'), len(whole), 5):  # what pandas wrote of it
        altered = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        (tmp_path / "b.parquet").write_bytes(altered)
        try:
            read_inputs(tmp_path / "b.parquet")
        except ValueError as error:
            said.add(str(error).split(" ")[0])

    assert said == {str(tmp_path / "b.parquet")}


def test_an_array_of_objects_runs_no_code(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)

    with pytest.raises(ValueError, match="no such file"):
        read_inputs(tmp_path / "a.npy")
