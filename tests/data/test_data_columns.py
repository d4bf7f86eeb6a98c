"""Which columns fill which input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_helpers import load

from graphrun.data.dataset import spread
from graphrun.errors import DataError

CSV = "id,p_1,p_2,p_3,q,kind\n1,0.1,0.2,0.3,7,b\n2,1.1,1.2,1.3,8,a\n3,2.1,2.2,2.3,9,b\n"
THREE = [[0.1, 0.2, 0.3], [1.1, 1.2, 1.3], [2.1, 2.2, 2.3]]


def test_inputs_take_the_columns_of_their_own_names(tmp_path: Path) -> None:
    d = load("inputs: {q: {}, p_2: {}}\ndata: {source: a.csv}", tmp_path, a_csv=CSV)
    assert d.train["q"].tolist() == [7, 8, 9]
    assert d.train["p_2"].tolist() == [0.2, 1.2, 2.2]
    assert d.columns == {"q": ("q",), "p_2": ("p_2",)}
    assert d.counts == {"train": 3}


@pytest.mark.parametrize("columns", ['"p_*"', "p_1..p_3", "[p_1, p_2, p_3]", '[p_1, "p_2..p_3"]', '["*_1", p_2, p_3]'])
def test_several_columns_fill_a_row(tmp_path: Path, columns: str) -> None:
    d = load(f"inputs: {{x: {{shape: [3]}}}}\ndata:\n  source: a.csv\n  columns:\n    x: {columns}", tmp_path, a_csv=CSV)
    assert d.train["x"].tolist() == THREE


def test_a_list_keeps_its_order_and_a_batch_graph_has_rows_first(tmp_path: Path) -> None:
    d = load("inputs: {x: {shape: [batch, 2]}}\ndata: {source: a.csv, columns: {x: [q, p_1]}}", tmp_path, a_csv=CSV)
    assert d.train["x"].tolist() == [[7, 0.1], [8, 1.1], [9, 2.1]]


def test_columns_fill_a_matrix_row_by_row(tmp_path: Path) -> None:
    d = load("inputs: {x: {shape: [batch, 2, 2]}}\ndata: {source: a.csv, columns: {x: [id, p_1, p_2, q]}}", tmp_path, a_csv=CSV)
    assert d.train["x"][0].tolist() == [[1, 0.1], [0.2, 7]]


def test_a_list_of_columns_names_inputs(tmp_path: Path) -> None:
    d = load("inputs: {q: {}, id: 5}\ndata: {source: a.csv, columns: [q]}", tmp_path, a_csv=CSV)
    assert list(d.train) == ["q"]  # `id` keeps its default


def test_a_column_whose_name_looks_like_a_pattern_is_found_by_name(tmp_path: Path) -> None:
    d = load('inputs: {x: {}}\ndata: {source: a.csv, columns: {x: "a*"}}', tmp_path, a_csv="a*,ab\n1,2\n")
    assert d.train["x"].tolist() == [1]


def test_inline_rows() -> None:
    d = load("inputs: {x: {}, y: {}}\ndata: {rows: [[1, 2], [3, 4.5], [1e3, -1]], columns: [x, y]}")
    assert d.train["x"].tolist() == [1, 3, 1000]
    assert d.train["y"].tolist() == [2, 4.5, -1]
    assert d.cells("train", [0, 1]) == {"x": [1, 3], "y": [2, 4.5]}


def test_a_position_of_inline_rows_may_hold_a_list() -> None:
    inputs = "inputs: {x: {shape: [batch, 2, 2]}, y: {shape: [batch]}}\n"
    d = load(inputs + "data: {rows: [[[[1, 2], [3, 4]], 5], [[5, 6, 7, 8], 6]], columns: [x, y]}")
    assert d.train["x"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


@pytest.mark.parametrize("cell", ["[[1, 2], [3, 4], [5, 6]]", "[[1, 2, 3, 4], [5, 6]]", "[[1, 2, 3], 4, 5, 6]", "[[[1, 2, 3], [4, 5, 6]]]"])
def test_lists_in_lists_have_the_shape_of_the_input(cell: str) -> None:
    text = "inputs: {x: {shape: [batch, 2, 3]}}\ndata: {columns: [x], rows: [[ROW]]}"
    with pytest.raises(DataError, match=r"column-count: `x` takes an array of shape \[2, 3\] of each row"):
        load(text.replace("ROW", cell))
    for fine in ("[[1, 2, 3], [4, 5, 6]]", "[1, 2, 3, 4, 5, 6]"):
        assert load(text.replace("ROW", fine)).train["x"].tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_cells_that_say_nothing_are_missing_and_no_class(tmp_path: Path) -> None:
    text = "inputs: {x: {}}\ndata: {source: a.csv}"
    with pytest.raises(DataError, match="`nan` in row 1 of column `x` is not a number"):
        load(text, tmp_path, a_csv="x\nnan\nNA\n")
    with pytest.raises(DataError, match="`-` in row 2 of column `x` is not a number"):
        load(text, tmp_path, a_csv="x\n3\n-\n?\n")
    assert load(text, tmp_path, a_csv="x\nNA\ncat\n").classes == {"x": ("NA", "cat")}


def test_a_position_of_inline_rows_may_say_the_split_or_the_class() -> None:
    text = "inputs: {x: {}}\ndata: {rows: [[1, train], [2, test], [3, train]], columns: [x, part], split: {by: part}}"
    d = load(text)
    assert (d.train["x"].tolist(), d.test["x"].tolist(), d.valid) == ([1, 3], [2], {})


def test_several_files_and_globs_with_columns_in_another_order(tmp_path: Path) -> None:
    files = {"b2_csv": "y,x\n2,20\n", "b1_csv": "x,y\n10,1\n", "c_tsv": "x\ty\n30\t3\n"}
    text = 'inputs: {x: {}, y: {}}\ndata: {source: ["b*.csv", c.tsv]}'
    assert load(text, tmp_path, **files).train["x"].tolist() == [10, 20, 30]


def test_reading_of_quotes_spaces_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    content = '\ufeff"x", y ,kind\r\n 1, 2,"a, b"\r\n\r\n3,4 ,"say ""no"""\r\n'
    d = load("inputs: {x: {}, y: {}, k: {dtype: int64}}\ndata: {source: a.csv, columns: {x: x, y: y, k: kind}}", tmp_path, a_csv=content)
    assert (d.train["x"].tolist(), d.train["y"].tolist()) == ([1, 3], [2, 4])
    assert d.class_names("k") == ("a, b", 'say "no"')


def test_one_column_of_quoted_empty_lines(tmp_path: Path) -> None:
    assert load("inputs: {x: {}}\ndata: {source: a.csv}", tmp_path, a_csv="x\n1\n\n2\n").train["x"].tolist() == [1, 2]


CASTS = [("float32", "0.1 2"), ("float64", "0.1 2"), ("int64", "1 2.0"), ("bool", "true 0"), ("int64", "-3 +4e2")]


@pytest.mark.parametrize(("dtype", "cells"), CASTS)
def test_cells_are_cast_to_the_dtype_of_the_input(tmp_path: Path, dtype: str, cells: str) -> None:
    d = load(f"inputs: {{x: {{dtype: {dtype}}}}}\ndata: {{source: a.csv}}", tmp_path, a_csv="x\n" + cells.replace(" ", "\n") + "\n")
    assert d.train["x"].dtype == np.dtype(dtype)
    wanted = [{"true": 1.0}.get(c) or float(c) for c in cells.split()]
    assert d.train["x"].tolist() == np.array(wanted, dtype=dtype).tolist()


def test_large_whole_numbers_stay_exact(tmp_path: Path) -> None:
    d = load("inputs: {x: {dtype: int64}}\ndata: {source: a.csv}", tmp_path, a_csv="x\n9007199254740993\n-9223372036854775808\n")
    assert d.train["x"].tolist() == [9007199254740993, -9223372036854775808]


def test_the_rows_shown_are_spread_over_all_of_a_split(tmp_path: Path) -> None:
    assert spread(100, 8) == [0, 14, 28, 42, 57, 71, 85, 99]
    assert (spread(3, 8), spread(5, 1), spread(0, 4)) == ([0, 1, 2], [0], [])
    rows = "x,kind\n" + "".join(f"{k},{'abc'[k // 20]}\n" for k in range(60))
    d = load("inputs: {x: {}, kind: {dtype: int64}}\ndata: {source: a.csv}", tmp_path, a_csv=rows)
    assert len(d.picked["train"]) == 16
    cells = d.cells("train", range(16))
    assert [int(cell) for cell in cells["x"]] == list(d.picked["train"])
    assert set(cells["kind"]) == {"a", "b", "c"}
