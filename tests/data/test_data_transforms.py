"""Transforms: statistics come from the training rows and are used as they are on other rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_helpers import load

from graphrun.data.dataset import Dataset

TRAIN = [[1.0, 10.0, 5.0], [2.0, 30.0, 5.0], [6.0, 20.0, 5.0], [4.0, 0.0, 5.0]]
VALID = [[3.0, 100.0, 7.0]]


def loaded(folder: Path, formula: str, dtype: str = "float64", shape: str = "[batch, 3]") -> Dataset:
    def text(rows: list[list[float]]) -> str:
        return "a,b,c\n" + "".join(",".join(f"{x:g}" for x in row) + "\n" for row in rows)

    spec = f"inputs: {{x: {{shape: {shape}, dtype: {dtype}}}}}\ndata:\n  source: {{train: t.csv, valid: v.csv}}\n  columns: {{x: a..c}}\n"
    return load(spec + f'  transform: {{x: "{formula}"}}', folder, t_csv=text(TRAIN), v_csv=text(VALID))


def test_standardizing_uses_the_statistics_of_the_training_rows(tmp_path: Path) -> None:
    d = loaded(tmp_path, "(x - mean(x)) / std(x, correction=0)")
    rows = np.array(TRAIN)
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(std == 0, np.inf, std)
    np.testing.assert_allclose(d.train["x"], (rows - mean) / scale, rtol=1e-14)
    np.testing.assert_allclose(d.valid["x"], (np.array(VALID) - mean) / scale, rtol=1e-14)
    assert {k: v.tolist() for k, v in d.transforms["x"].statistics.items()} == {"x.mean": mean.tolist(), "x.std": std.tolist()}
    assert d.raw["train"]["x"].tolist() == TRAIN
    np.testing.assert_array_equal(d.transforms["x"].apply(np.array(VALID)), d.valid["x"])


@pytest.mark.parametrize("formula", ["(x - mean(x)) / std(x, correction=0)", "(x - min(x)) / (max(x) - min(x))", "(x - mean(x)) / std(x)"])
def test_a_column_that_does_not_vary_gives_0(tmp_path: Path, formula: str) -> None:
    d = loaded(tmp_path, formula)
    assert d.train["x"][:, 2].tolist() == [0, 0, 0, 0]
    assert d.valid["x"][:, 2].tolist() == [0]


def test_a_column_that_does_not_vary_gives_0_whatever_rounding_does(tmp_path: Path) -> None:
    text = 'inputs: {x: {}}\ndata: {source: a.csv, transform: {x: "(x - mean(x)) / std(x, correction=0)"}}'
    assert np.std([0.1] * 3) > 0  # so that the case is one
    d = load(text, tmp_path, a_csv="x\n" + "0.1\n" * 3)
    assert d.train["x"].tolist() == [0.0] * 3


def test_a_reduction_over_another_axis_is_no_statistic(tmp_path: Path) -> None:
    d = loaded(tmp_path, "x / sum(x, axis=1, keepdims=true)")
    np.testing.assert_allclose(d.valid["x"].sum(axis=1), 1)
    assert d.transforms["x"].statistics == {}


def test_two_statistics_of_one_kind_have_names_of_their_own(tmp_path: Path) -> None:
    d = loaded(tmp_path, "x - mean(x) + mean(x^2)")
    assert [*d.transforms["x"].statistics] == ["x.mean", "x.mean.2"]
    np.testing.assert_allclose(d.valid["x"], np.array(VALID) - np.mean(TRAIN, axis=0) + np.mean(np.square(TRAIN), axis=0))


def test_a_formula_without_statistics_and_with_config(tmp_path: Path) -> None:
    text = "config: {scale: 4}\ninputs: {x: {dtype: float32}}\ndata: {source: a.csv, transform: {x: x / scale}}"
    d = load(text, tmp_path, a_csv="x\n1\n2\n")
    assert (d.train["x"].tolist(), d.train["x"].dtype) == ([0.25, 0.5], np.float32)


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    d = load("inputs: {x: {dtype: int64}}\ndata: {source: a.csv, transform: {x: x - 1}}", tmp_path, a_csv="x\n1\n2\n")
    assert (d.train["x"].tolist(), d.train["x"].dtype) == ([0, 1], np.int64)


def test_the_library_has_standardize_and_min_max(tmp_path: Path) -> None:
    d = loaded(tmp_path, "standardize(x)")
    np.testing.assert_allclose(d.train["x"].mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(d.train["x"].std(axis=0), [1, 1, 0])
    d = loaded(tmp_path, "min_max(x)")
    assert d.train["x"][:, 1].tolist() == [1 / 3, 1, 2 / 3, 0]


def test_statistics_are_of_the_training_rows_of_a_drawn_split(tmp_path: Path) -> None:
    text = "inputs: {x: {}}\ndata: {source: a.csv, split: {valid: 5}, transform: {x: x - max(x)}}"
    d = load(text, tmp_path, a_csv="x\n" + "".join(f"{k}\n" for k in range(20)))
    assert d.transforms["x"].statistics["x.max"] == max(d.raw["train"]["x"])
    assert max(d.train["x"]) == 0
