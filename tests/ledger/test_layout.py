"""How equations stand under each other."""

from __future__ import annotations

import numpy as np
import pytest

from graphrun.ledger.json import json_value
from graphrun.ledger.layout import Row, ending, equations, value_text, wrapped


def test_columns_are_aligned_at_the_point() -> None:
    rows = [Row("", "a", ("x",), "1"), Row("", "bb", ("y · z", "2 · 3"), "-12.5"), Row("", "c", (), "8.3e-08")]
    assert equations(rows, 80) == [
        "  a  = x                 =   1",
        "  bb = y · z   = 2 · 3   = -12.5",
        "  c                      =   8.3e-08",
    ]


def test_gaps_shrink_before_lines_break() -> None:
    rows = [Row("", "a", ("x · y", "2 · 3"), "6")]
    assert equations(rows, 80) == ["  a = x · y   = 2 · 3   = 6"]
    assert equations(rows, 26) == ["  a = x · y = 2 · 3 = 6"]
    assert equations(rows, 15) == ["  a = x · y", "    = 2 · 3 = 6"]


def test_one_long_row_does_not_widen_the_others() -> None:
    long = " + ".join(f"w{k} · x{k}" for k in range(9))
    rows = [Row("", "a", ("x · y", "2 · 3"), "6"), Row("", "b", (long,), "7")]
    assert equations(rows, 60) == [
        "  a = x · y   = 2 · 3   = 6",
        "  b = w0 · x0 + w1 · x1 + w2 · x2 + w3 · x3 + w4 · x4",
        "      + w5 · x5 + w6 · x6 + w7 · x7 + w8 · x8   = 7",
    ]


def test_tails_stand_in_the_column_of_numbers() -> None:
    rows = [Row("", "W", ("xᵀ · g",), "", "[64×32]   |·| = 0.1"), Row("", "b", ("g",), "", "= [1, 2]"), Row("", "J", (), "3")]
    assert equations(rows, 80) == [
        "  W = xᵀ · g   [64×32]   |·| = 0.1",
        "  b = g        = [1, 2]",
        "  J            = 3",
    ]


def test_wrapped() -> None:
    assert wrapped("a + b + c", 80) == ["a + b + c"]
    assert wrapped("aaa + bbb + ccc", 10) == ["aaa + bbb", "+ ccc"]
    assert wrapped("abcdefghijkl", 5) == ["abcdefghijkl"]
    assert wrapped("a · b · c · d", 8) == ["a · b", "· c · d"]


@pytest.mark.parametrize(
    ("value", "text", "written"),
    [
        (2.0, "2", True),
        (np.float64(-0.5), "-0.5", True),
        (np.array(True), "true", True),
        (np.array([1.0, 2.123456]), "[1, 2.123]", True),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]", True),
        (np.ones((4, 4)), "[4×4]  |·| = 4", False),
        (np.arange(12), "[12]  0 to 11", False),
        (np.arange(12) > 3, "[12]  8 true", False),
        (np.ones((0, 3)), "[0×3]", False),
        (np.full(6, 1 / 3) * 1e-9, "[6]  |·| = 8.16e-10", False),
    ],
)
def test_value_text(value: object, text: str, written: bool) -> None:
    assert value_text(value) == (text, written)


def test_ending() -> None:
    assert ending(2.5) == ("2.5", "")
    assert ending(np.array([1.0, 2.0])) == ("", "= [1, 2]")
    assert ending(np.ones((3, 3)), "[3×3] = [3×2] · [2×3]") == ("", "[3×3] = [3×2] · [2×3]   |·| = 3")


def test_json_value() -> None:
    assert json_value(np.float64(0.5)) == 0.5
    assert json_value(np.array(3)) == 3
    assert json_value(np.array([True, False])) == [True, False]
    assert json_value(np.array([[1.0, np.nan], [np.inf, -np.inf]])) == [[1.0, "nan"], ["inf", "-inf"]]
    assert json_value(float("nan")) == "nan"
    assert json_value(np.float32(0.1)) == pytest.approx(0.1)
    assert json_value(None) is None
    assert json_value(np.zeros(0)) == []
    assert len(json_value(np.zeros(10_000))) == 10_000
    described = json_value(np.ones((101, 100), dtype="float32"))
    assert described.pop("norm") == pytest.approx(np.sqrt(10_100))
    assert described == {"shape": [101, 100], "dtype": "float32", "mean": 1.0, "std": 0.0, "min": 1.0, "max": 1.0}
    assert json_value(np.full(10_001, np.inf))["max"] == "inf"
