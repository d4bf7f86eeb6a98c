"""Reverse mode: accumulation, broadcasting, parts, zero gradients, long chains; against torch and central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.autodiff.check import central_difference
from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.verify import verify
from graphrun.ops.registry import OPS


def test_fan_out_adds_up() -> None:
    g = gr.loads("graphrun: 1\nparams: {u: 2}\nnodes:\n  a: u * u\n  b: 3 * u\n  J: a * b + u\nloss: J").grad()
    assert g["u"] == 9 * 2**2 + 1
    assert (g["a"], g["b"]) == (6.0, 4.0)


def test_what_the_loss_does_not_depend_on_has_gradient_zero() -> None:
    g = gr.loads("graphrun: 1\nparams: {w: 2, lost: [1, 2]}\nnodes:\n  J: w^2\n  side: 3 * w\nloss: J").grad()
    assert g["lost"].tolist() == [0.0, 0.0]
    assert g["side"] == 0.0


def test_no_gradient_flows_through_stop_gradient() -> None:
    g = gr.loads("graphrun: 1\nparams: {w: 3}\nnodes:\n  J: w * stop_gradient(w)\nloss: J").grad()
    assert g["w"] == 3.0


def test_a_node_that_no_parameter_leads_to_has_its_gradient_too() -> None:
    nodes = "  s: stop_gradient(w^2)\n  c: ones([2])\n  lost: ones([2])\n  J: s * w + sum(5 * c)\n"
    text = f"graphrun: 1\nparams: {{w: 3}}\nnodes:\n{nodes}loss: J"
    g = gr.loads(text).grad()
    assert (g["w"], g["s"]) == (9.0, 3.0)
    assert g["c"].tolist() == [5.0, 5.0]
    assert g["lost"].tolist() == [0.0, 0.0]


def test_gradients_asked_for_late_are_those_of_the_same_point() -> None:
    model = gr.loads("graphrun: 1\ninputs: {x: 1}\nparams: {w: 3}\nnodes:\n  s: stop_gradient(x)\n  J: s * w\nloss: J")
    g = model.grad(x=2, params={"w": 4})
    model.keep({"w": np.array(7.0)})
    assert (g["s"], g["w"]) == (4.0, 2.0)


def test_gradients_of_any_scalar_with_respect_to_any_node() -> None:
    model = gr.loads("graphrun: 1\ninputs: {x: 2}\nparams: {w: 3}\nnodes:\n  a: w * x\n  b: a^2\n  J: b + 1\nloss: J")
    g = model.grad(of="b", wrt="a")
    assert (g["a"], g["w"], g["x"], g["J"]) == (12.0, 24.0, 36.0, 0.0)


def test_gradients_of_slices_are_joined_not_padded_and_added() -> None:
    b = Builder()
    x = b.param("x", (4, 3), "float64")
    rows = [OPS["slice"](b, x, index=((t, t + 1, 1),), squeeze=(0,)) for t in range(4)]
    total = OPS["sum"](b, OPS["mul"](b, OPS["add"](b, rows[0], rows[1]), OPS["mul"](b, rows[2], rows[3])))
    graph, gradients = backward(b.graph, total, [x])
    verify(graph)
    used = [graph.op(i).name for i in range(len(b.graph), len(graph))]
    assert used.count("concat") == 1
    assert "unslice" not in used
    value = np.arange(12.0).reshape(4, 3)
    found = evaluate(graph, {x: value})[gradients[x]]
    for index in np.ndindex(4, 3):
        expected = central_difference(lambda a: float(evaluate(graph, {x: a}, [total])[total]), value, index)
        assert found[index] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "formula",
    [
        "sum(m[0] * m[1])",
        "sum(m[:, 1:3]^2) + sum(m[:, 0:2])",
        "m[0, 0] * m[1, 2] + m[0, 1]",
        "sum(m[::2, ::2] * 3)",
        "sum(v + m) + sum(v * m)",
        "sum((m @ m.T) @ [1, 2])",
        "mean(softmax(m, axis=0) * m)",
        "sum(where(m > 0, m^3, v))",
        "sum(logsumexp(m, axis=1) / norm(m))",
        "sum(concat([m, m[0:1]], axis=0) * stack([v, v, 2 * v]))",
        "sum(max(m, axis=1) * std(m, axis=1))",
    ],
)
def test_gradients_agree_with_central_differences(formula: str) -> None:
    rng = np.random.default_rng(0)
    m, v = rng.normal(size=(2, 3)), rng.normal(size=3)
    text = f"graphrun: 1\nparams:\n  m: {m.tolist()}\n  v: {v.tolist()}\nnodes:\n  J: {formula}\nloss: J"
    model = gr.loads(text)
    g = model.grad()
    for name, array in (("m", m), ("v", v)):
        for index in np.ndindex(*array.shape):

            def at(changed: Any, name: str = name) -> float:
                return float(model.run(params={name: changed})["J"])

            assert g[name][index] == pytest.approx(central_difference(at, array, index), rel=1e-7, abs=1e-9)


def test_a_chain_of_a_million_nodes() -> None:
    b = Builder()
    x = b.param("x", (), "float64")
    y, c = x, b.const(1.0, "float64")
    for _ in range(1_000_000):
        y = OPS["mul"](b, y, c)
    graph, gradients = backward(b.graph, y, [x])
    values = evaluate(graph, {x: 2.5})
    assert values[y] == 2.5
    assert values[gradients[x]] == 1.0


def test_every_gradient_of_a_net_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x, label = rng.normal(size=(5, 4)), rng.integers(0, 3, size=5)
    text = """
graphrun: 1
inputs: {x: {shape: [batch, 4]}, label: {shape: [batch], dtype: int64}}
nodes:
  h: x -> dense(8, tanh) -> dense(8, gelu)
  logits: h -> dense(3)
  J: mean(cross_entropy(logits, label)) + 0.01 * sum(h.0.weight^2)
loss: J
"""
    model = gr.loads(text)
    g = model.grad(x=x, label=label)
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    h = torch.tanh(torch.tensor(x) @ p["h.0.weight"] + p["h.0.bias"])
    h = torch.nn.functional.gelu(h @ p["h.1.weight"] + p["h.1.bias"])
    logits = h @ p["logits.weight"] + p["logits.bias"]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(label)) + 0.01 * (p["h.0.weight"] ** 2).sum()
    loss.backward()
    assert g.loss == pytest.approx(loss.item(), rel=1e-13)
    for name, t in p.items():
        np.testing.assert_allclose(g[name], t.grad.numpy(), rtol=1e-11, atol=1e-14)
