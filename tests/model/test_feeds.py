"""What is fed: rows of the data by number, all of them or the first batch; what is given by hand, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.model.layer_table import usual_sizes

BATCH = """
graphrun: 1
config: {n: 2}
inputs: {x: {shape: [batch]}, y: {shape: [batch]}, z: {}}
params: {w: 1}
nodes: {p: w * x + z, J: mean((p - y)^2)}
loss: J
data: {columns: [x, y], rows: [[1, 2], [2, 3], [3, 4], [4, 7], [5, 6]]}
train: {steps: 3, batch: n, optimizer: sgd(lr=0.001)}
"""
KINDS = """
graphrun: 1
inputs: {i: {dtype: int64, default: 0}, f: {dtype: float32, default: 0}, b: {dtype: bool, default: false}, x: 0}
nodes: {y: i * f + x, t: not_b(b)}
functions: {not_b(b): logical_not(b)}
"""


def test_an_input_that_is_fed_by_hand_needs_no_column() -> None:
    model = gr.loads(BATCH)
    np.testing.assert_array_equal(model.run(z=3)["p"], [4, 5])
    with pytest.raises(gr.DataError, match="nothing feeds the input `z`"):
        model.run()
    with pytest.raises(gr.DataError, match="nothing feeds the input `z`"):
        model.train()


def test_where_nothing_can_be_fed_by_hand_an_unfed_input_is_a_fault_of_the_spec() -> None:
    model = gr.loads("graphrun: 1\ninputs: {x: {}}\nparams: {w: 1}\nnodes: {J: (w * x - 1)^2}\nloss: J\ntrain: {steps: 3}\n")
    for call in (model.train, model.evaluate):
        with pytest.raises(gr.SpecError) as caught:
            call()
        (told,) = caught.value.diagnostics
        assert (told.code, told.place and (told.place.line, told.place.column)) == ("unfed-input", (2, 10))
    assert model.run(x=3)["J"] == 4


@pytest.mark.parametrize("batch", ["n", "2", "n * 1"])
def test_the_first_batch_is_fed_where_its_size_is_a_formula_too(batch: str) -> None:
    model = gr.loads(BATCH.replace("batch: n,", f"batch: {batch},"))
    assert model.run(z=0)["p"].tolist() == [1, 2]
    assert model.feeds({"z": 0}).row == "rows 1 to 2 of 5"
    assert usual_sizes(model.built) == {"batch": 2}


def test_all_rows_of_a_graph_for_a_batch_are_all_of_them() -> None:
    model = gr.loads(BATCH)
    assert model.run(z=0, row="all")["p"].tolist() == [1, 2, 3, 4, 5]
    assert model.feeds({"z": 0}, "all").row == "rows 1 to 5 of 5"
    assert model.run(z=0, row=4)["p"].tolist() == [4]


def test_a_row_where_there_is_none_is_told() -> None:
    model = gr.loads(BATCH)
    with pytest.raises(gr.UsageError, match="there is no row last: the training rows are 1 to 5"):
        model.run(z=0, row="last")
    for row in (2, "all"):
        with pytest.raises(gr.UsageError, match="--row needs rows"):
            model.run(x=[1], y=[1], z=0, row=row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("i", v) for v in (2.5, 2**63, 2**70, 1e300, float("nan"))),
        *(("f", 1e39), ("b", 3), ("b", 0.5)),
        *(("x", v) for v in (None, 2j, "3", 10**400)),
    ],
)
def test_a_feed_that_does_not_fit_is_told_and_never_bent(name: str, value: Any) -> None:
    with pytest.raises(gr.UsageError, match=f"the value fed to `{name}` is not made of "):
        gr.loads(KINDS).run(**{name: value})


def test_feeds_that_fit_are_cast() -> None:
    values = gr.loads(KINDS).run(i=np.float64(3), f=float("inf"), b=1, x=True)
    assert (values["i"], values["f"], values["b"], values["x"]) == (3, np.inf, True, 1.0)
    assert values["i"].dtype == np.int64
    assert gr.loads(KINDS).run(x=2**70)["x"] == 2.0**70
