"""`state` (language.md §6): when it is updated, from what, under which name; and that it is frozen where `training` is false."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.ir.verify import verify

ENGINES = ("reference", "python")

NORM = """
graphrun: 1
inputs: {x: {shape: [batch, 3]}, y: {shape: [batch]}}
functions:
  norm(x, momentum=0.1, eps=1e-5):
    params:
      weight: {shape: [dim(x)], init: 1}
      bias: {shape: [dim(x)], init: 0}
    state:
      running_mean:
        shape: [dim(x)]
        init: 0
        update: (1 - momentum) * running_mean + momentum * mu
      running_var:
        shape: [dim(x)]
        init: 1
        update: (1 - momentum) * running_var + momentum * var(x, axis=0)
      seen: {shape: [], init: 0, update: seen + 1}
    nodes:
      mu: mean(x, axis=0)
      centre: mu if training else running_mean
      spread: var(x, axis=0, correction=0) if training else running_var
    returns: weight * (x - centre) / sqrt(spread + eps) + bias
nodes:
  h: x -> norm -> tanh
  J: mean((sum(h, axis=1) - y)^2)
loss: J
data:
  rows:
    - [[1.0, 2.0, -1.0], 0.5]
    - [[0.0, 1.5, 2.0], -0.5]
    - [[-1.0, 0.5, 0.0], 1.0]
    - [[2.0, -0.5, 1.0], 0.0]
    - [[0.5, 0.0, -2.0], 0.3]
    - [[1.5, 1.0, -1.5], 0.1]
  columns: [x, y]
train: {steps: 7, batch: 2, shuffle: false, optimizer: "sgd(lr=0.1, momentum=0.9)"}
"""


def trained(text: str, engine: str = "python", **more: Any) -> Any:
    model = gr.loads(text)
    for training in (False, True):
        verify(model.built_for(training).graph)
    return model.train(engine=engine, **more)


@pytest.mark.parametrize("engine", ENGINES)
def test_running_statistics_are_torchs(engine: str) -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(NORM)
    run = model.train(engine=engine)
    x, y = (torch.tensor(model.dataset.train[n]) for n in ("x", "y"))
    layer = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    rows = [[0, 1], [2, 3], [4, 5]]
    for k in range(7):
        at = rows[k % 3]
        optimizer.zero_grad()
        ((torch.tanh(layer(x[at])).sum(1) - y[at]) ** 2).mean().backward()
        optimizer.step()
    np.testing.assert_allclose(run.state["h.running_mean"], layer.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(run.state["h.running_var"], layer.running_var.numpy(), rtol=1e-12)
    np.testing.assert_allclose(run.params["h.weight"], layer.weight.detach().numpy(), rtol=1e-10)
    layer.eval()
    expected = ((torch.tanh(layer(x)).sum(1) - y) ** 2).mean().item()
    assert run.loss == pytest.approx(expected, rel=1e-12)
    assert run.state["h.seen"] == 7


def test_updates_come_at_the_end_of_a_pass_all_from_the_old_states() -> None:
    text = """
graphrun: 1
params: {w: 1.0}
state:
  a: {init: 1, update: b}
  b: {init: 2, update: a + c}
nodes:
  c: 10 * a
  J: w^2 + 0 * c
loss: J
train: {steps: 1, optimizer: sgd(lr=0.1)}
"""
    for engine in ENGINES:
        one = trained(text, engine)
        assert (one.state["a"], one.state["b"]) == (2, 11)
        two = trained(text, engine, steps=2)
        assert (two.state["a"], two.state["b"]) == (11, 22)


def test_shared_calls_update_one_after_the_other() -> None:
    text = """
graphrun: 1
inputs: {x: 3}
params: {w: 1.0}
functions:
  counted(x):
    state:
      n: {init: 1, update: 2 * n + x}
    returns: x * w + n
nodes:
  h: counted(x)
  g: h -> share(h)
  J: g^2
loss: J
train: {steps: 1, optimizer: sgd(lr=0)}
"""
    model = gr.loads(text)
    assert model.run()["g"] == 5  # 3 + 1, then that + 1: both calls see the old state
    run = model.train()
    assert run.state["h.n"] == 2 * (2 * 1 + 3) + 4
    assert list(gr.loads(text).built_for(True).state) == ["h.n"]


def test_names_are_those_of_parameters_and_the_same_in_both_graphs() -> None:
    text = NORM.replace("h: x -> norm -> tanh", "h: x -> norm -> tanh -> dense(2)")
    model = gr.loads(text)
    expected = ["h.0.running_mean", "h.0.running_var", "h.0.seen"]
    for training in (False, True):
        built = model.built_for(training)
        assert list(built.state) == expected
        assert all(built.find(name) is not None for name in expected)
    index = model.built_for(True).index
    assert {"h.0.running_mean/new", "h.0.running_mean/new#1"} <= set(index)
    assert not any("/new" in name for name in model.built.index)


def test_it_is_frozen_outside_training_and_does_not_move_with_run() -> None:
    model = gr.loads(NORM)
    before = {name: np.array(value) for name, value in model.state.items()}
    model.run()
    model.run(training=True)
    model.grad(training=True)
    for name, value in model.state.items():
        np.testing.assert_array_equal(value, before[name])


def test_a_dot_reaches_it_and_it_may_be_set() -> None:
    text = NORM.replace("loss: J", "  level: sum(h.running_mean)\nloss: J")
    model = gr.loads(text)
    assert model.run(params={"h.running_mean": [1, 2, 3]})["level"] == 6
    text = text.replace("train:", "expect:\n  - params: {h.running_mean: [1, 2, 4]}\n    values: {level: 7, h.seen: 0}\n"
                        "  - after_steps: 3\n    values: {h.seen: 3}\n  - parameters: 6\ntrain:")  # fmt: skip
    assert all(result.ok for result in gr.model.run_expectations(gr.loads(text)))


def test_it_is_written_with_the_run_and_read_again(tmp_path: Any) -> None:
    text = NORM.replace("batch: 2", "batch: 6")
    run = gr.loads(text).train(out=tmp_path / "run")
    again = gr.loads(text)
    again.load_params(tmp_path / "run")
    for name, value in run.state.items():
        np.testing.assert_array_equal(again.state[name], value)
    assert set(again.params) == {"h.weight", "h.bias"}
    more = gr.loads(text.replace("train: {", f"train: {{from: {tmp_path / 'run'}, ")).train()
    assert more.state["h.seen"] == 14
    assert more.history.loss[0] == pytest.approx(gr.loads(text).train(steps=8).history.loss[-1], rel=1e-12)


def test_a_state_of_the_other_branch_is_kept_but_not_moved() -> None:
    text = """
graphrun: 1
inputs: {x: 2}
params: {w: 1.0}
functions:
  a(x): {state: {n: {init: 5, update: n + 1}}, returns: x + n}
  b(x): {state: {n: {init: 7, update: n + 1}}, returns: x * n}
nodes:
  h: a(x) if training else b(x)
  J: (w * h)^2
loss: J
train: {steps: 3, optimizer: sgd(lr=0)}
"""
    model = gr.loads(text)
    assert list(model.state) == ["h.0.n", "h.1.n"]
    assert (model.run()["h"], model.run(training=True)["h"]) == (14, 7)
    run = model.train()
    assert (run.state["h.0.n"], run.state["h.1.n"]) == (8, 7)


ROW = """
graphrun: 1
inputs: {x: 1, k: 3}
params: {w: 2.0}
state: {n: {init: 0, update: UPDATE}}
nodes:
  J: (w * x - 1)^2 + 0 * n
loss: J
data: {rows: [[1], [2], [3]], columns: [x]}
train: {steps: 4, optimizer: sgd(lr=0.01)}
"""


@pytest.mark.parametrize("rows_as", ["arrays", "unrolled"])
def test_in_a_graph_for_one_row_it_is_the_same_for_all_rows(rows_as: str) -> None:
    from graphrun.engines.reference import ReferenceEngine
    from graphrun.train.plan import TrainingPlan

    model = gr.loads(ROW.replace("UPDATE", "n + k * w"))
    plan = TrainingPlan(model.built_for(True), ("x",), 4, model.current, 3, {}, rows_as=rows_as)
    step = ReferenceEngine().compile(plan.step_for(3))
    step.load(plan.slots_init())
    step.run({"x": [1, 2, 3], "k": 3}, 0, 1)
    assert plan.state(step.values())["n"] == 6


@pytest.mark.parametrize(("update", "what"), [("n + x", "the input `x`"), ('"n + uniform([])"', "random values")])
def test_in_a_graph_for_one_row_it_may_not_depend_on_the_row(update: str, what: str) -> None:
    with pytest.raises(gr.SpecError, match="state-of-a-row") as caught:
        gr.loads(ROW.replace("UPDATE", update))
    assert what in str(caught.value)


def test_without_named_columns_that_is_told_when_training_begins() -> None:
    text = ROW.replace("UPDATE", "n + k").replace("data: {rows: [[1], [2], [3]], columns: [x]}", "data: {source: rows.csv}")
    gr.loads(text)  # whether a column feeds k is not known yet


def test_a_number_fills_the_shape_and_another_shape_is_told() -> None:
    text = ROW.replace("n: {init: 0,", "n: {shape: [3], init: 0,").replace(" + 0 * n", "")
    assert trained(text.replace("UPDATE", "1")).state["n"].tolist() == [1, 1, 1]
    with pytest.raises(gr.SpecError, match=r"the update of `n` has shape \[2\], and the state \[3\]"):
        gr.loads(text.replace("UPDATE", '"n[0:2]"'))


def test_inside_a_scan_it_is_an_error() -> None:
    text = """
graphrun: 1
inputs: {x: {shape: [4], default: [1, 2, 3, 4]}}
functions:
  f(carry, x): {state: {n: {init: 0, update: n + 1}}, returns: carry + x}
nodes:
  h: scan(x, f, 0)
"""
    with pytest.raises(gr.SpecError, match="state-in-scan"):
        gr.loads(text)


NESTED = """
graphrun: 1
inputs: {x: {shape: [batch, 2], default: [[1, 2], [3, 5]]}}
params: {w: 1.0}
functions:
  count(x):
    state:
      n: {init: 0, update: n + step_of(x)}
    returns: x
  step_of(x): 0 * sum(x) + 1
  block(x):
    nodes:
      z: count(x) + 1
    returns: count(z) * 2
nodes:
  h: x -> block
  g: h -> share(h)
  r: g -> repeat(block, 2)
  J: w^2 + 0 * sum(r)
loss: J
train: {steps: 3, optimizer: sgd(lr=0.1)}
"""


def test_states_of_inner_layers_are_shared_and_copied_as_parameters_are() -> None:
    for engine in ENGINES:
        run = trained(NESTED, engine)
        found = {name: float(value) for name, value in run.state.items()}
        assert found == {
            "h.z.n": 6,  # twice in each step: by h and by g
            "h.n": 6,
            "r.0.z.n": 3,
            "r.0.n": 3,
            "r.1.z.n": 3,
            "r.1.n": 3,
        }


def test_functions_that_are_brought_hold_state_too(tmp_path: Any) -> None:
    head, _, rest = NESTED.partition("functions:\n")
    functions, _, nodes = rest.partition("nodes:\n  h:")
    (tmp_path / "blocks.yaml").write_text(f"graphrun: 1\nfunctions:\n{functions}")
    text = f"{head}use: [blocks.yaml]\nnodes:\n  h:{nodes}"
    run = gr.loads(text, base=str(tmp_path)).train()
    assert run.state["h.z.n"] == 6
