"""Splits, batches and their orders: seeded, exact in size, in proportion where asked."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from data_helpers import load

from graphrun.data.batches import Batches
from graphrun.data.order import permutation
from graphrun.data.splits import divide

ROWS = "x,k\n" + "".join(f"{i},{'abc'[i % 3 if i < 24 else 0]}\n" for i in range(30))  # 14 a, 8 b, 8 c
TEXT = "inputs: {{x: {{}}}}\ndata: {{source: a.csv, split: {}}}"


def test_without_a_split_all_rows_are_for_training(tmp_path: Path) -> None:
    d = load("inputs: {x: {}}\ndata: {source: a.csv}", tmp_path, a_csv=ROWS)
    assert (d.counts, d.valid, d.test) == ({"train": 30}, {}, {})


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("{train: 0.8, valid: 0.2}", {"train": 24, "valid": 6}),
        ("{valid: 0.25}", {"train": 23, "valid": 7}),
        ("{train: 0.5, valid: 0.25, test: 0.25}", {"train": 15, "valid": 8, "test": 7}),
        ("{train: 20, test: 10}", {"train": 20, "test": 10}),
        ("{test: 10, valid: 0.1}", {"train": 17, "valid": 3, "test": 10}),
        ("{train: 1.0}", {"train": 30}),
        ("{valid: 0, test: 0.01}", {"train": 30}),
        ("{train: 0.7, valid: 0.2, test: 0.1}", {"train": 21, "valid": 6, "test": 3}),
    ],
)
def test_fractions_and_counts(tmp_path: Path, split: str, counts: dict[str, int]) -> None:
    d = load(TEXT.format(split), tmp_path, a_csv=ROWS)
    assert d.counts == counts
    taken = [int(x) for part in (d.train, d.valid, d.test) if part for x in part["x"]]
    assert sorted(taken) == list(range(30))
    assert d.train["x"].tolist() == sorted(d.train["x"].tolist())


def test_a_split_follows_from_its_seed(tmp_path: Path) -> None:
    found = [load(TEXT.format(f"{{valid: 10, seed: {seed}}}"), tmp_path, a_csv=ROWS).valid["x"].tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_each_class_is_divided_in_proportion(tmp_path: Path) -> None:
    for seed in range(10):
        d = load(TEXT.format(f"{{train: 0.5, valid: 0.25, test: 0.25, seed: {seed}, stratify: k}}"), tmp_path, a_csv=ROWS)
        cells = [line.split(",")[1] for line in ROWS.split()[1:]]
        kinds = {split: [cells[i] for i in rows] for split, rows in d.rows.items()}
        for split, share in (("train", 0.5), ("valid", 0.25), ("test", 0.25)):
            for kind, total in (("a", 14), ("b", 8), ("c", 8)):
                assert abs(kinds[split].count(kind) - share * total) <= 1, (seed, split, kind)
        assert d.counts == {"train": 15, "valid": 8, "test": 7}


def test_a_stratified_split_of_equal_classes_is_exact_and_random() -> None:
    labels = ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    first, second = (divide({"train": 120, "test": 30}, seed, labels) for seed in (0, 1))
    for found in (first, second):
        assert [sum(labels[i] == k for i in found["test"]) for k in "abc"] == [10, 10, 10]
    assert first != second
    assert first["test"] != list(range(first["test"][0], first["test"][0] + 30))


def test_a_column_can_say_the_split(tmp_path: Path) -> None:
    d = load(TEXT.format("{by: s}"), tmp_path, a_csv="x,s\n1,valid\n2,train\n3,test\n4,train\n")
    assert (d.train["x"].tolist(), d.valid["x"].tolist(), d.test["x"].tolist()) == ([2, 4], [1], [3])
    assert d.rows == {"train": [1, 3], "valid": [0], "test": [2]}


def test_a_file_for_each_split(tmp_path: Path) -> None:
    text = "inputs: {x: {}}\ndata: {source: {test: b.csv, train: [a.csv, c.csv]}}"
    d = load(text, tmp_path, a_csv="x\n1\n2\n", b_csv="x\n3\n", c_csv="x\n4\n")
    assert (d.train["x"].tolist(), d.test["x"].tolist(), d.counts) == ([1, 2, 4], [3], {"train": 3, "test": 1})


def test_classes_are_those_of_the_training_rows_sorted(tmp_path: Path) -> None:
    text = "inputs: {k: {dtype: int64}}\ndata: {source: a.csv}"
    d = load(text, tmp_path, a_csv="k\nb\na\nc\na\n")
    assert (d.train["k"].tolist(), d.class_names("k")) == ([1, 0, 2, 0], ("a", "b", "c"))
    named = load("inputs: {k: {}}\ndata: {source: a.csv, classes: {k: [c, b, a]}}", tmp_path)
    assert (named.train["k"].tolist(), named.class_names("k")) == ([1, 2, 0, 2], ("c", "b", "a"))


def test_numbers_stay_numbers_where_classes_name_none_of_them(tmp_path: Path) -> None:
    d = load("inputs: {k: {dtype: int64}}\ndata: {source: a.csv, classes: {k: [cat, dog]}}", tmp_path, a_csv="k\n1\n0\n")
    assert (d.train["k"].tolist(), d.class_names("k")) == ([1, 0], None)


def test_classes_whose_names_are_numbers_become_indices(tmp_path: Path) -> None:
    d = load('inputs: {k: {dtype: int64}}\ndata: {source: a.csv, classes: {k: ["3", "7"]}}', tmp_path, a_csv="k\n7\n3\n")
    assert d.train["k"].tolist() == [1, 0]


# -- orders -------------------------------------------------------------------------------------------------------


def test_the_order_of_an_epoch_is_fixed_for_good() -> None:
    assert permutation(0, "epoch 0", 8).tolist() == PINNED[0]
    assert permutation(0, "epoch 1", 8).tolist() == PINNED[1]
    assert permutation(-1, "epoch 1", 8).tolist() == PINNED[2]


PINNED = [[7, 6, 0, 2, 3, 1, 5, 4], [7, 4, 1, 2, 5, 6, 3, 0], [7, 1, 6, 3, 2, 4, 5, 0]]


def _seen(b: Batches, epoch: int) -> list[list[int]]:
    rows = np.arange(b.rows)
    return [rows[b.at(epoch * b.per_epoch + k)].tolist() for k in range(b.per_epoch)]


def test_batches_deal_each_row_once_in_an_epoch_and_anew_in_the_next() -> None:
    b = Batches(10, batch=4, seed=3)
    first, second = _seen(b, 0), _seen(b, 1)
    assert [len(x) for x in first] == [4, 4, 2]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(10))
    assert first != second
    assert _seen(Batches(10, batch=4, seed=3), 1) == second  # whatever was asked before
    assert _seen(Batches(10, batch=4, seed=4), 1) != second
    assert [b.rows_at(k) for k in range(6)] == [4, 4, 2, 4, 4, 2]


def test_the_last_batch_can_be_dropped() -> None:
    b = Batches(10, batch=4, drop_last=True)
    assert (b.per_epoch, [len(x) for x in _seen(b, 0)]) == (2, [4, 4])


def test_without_shuffling_rows_come_in_order() -> None:
    assert _seen(Batches(5, batch=2, shuffle=False), 7) == [[0, 1], [2, 3], [4]]


def test_without_a_batch_every_step_meets_all_rows() -> None:
    b = Batches(5)
    assert (b.constant, b.per_epoch, _seen(b, 3)) == (True, 1, [[0, 1, 2, 3, 4]])
    assert not Batches(5, shuffle=True).constant
    assert Batches(5, batch=100).size == 5
