"""`grad(J, w)` in formulas: any order, names of steps, rows, functions, faults. Against torch: tests/specs/test_second_order.py."""

from __future__ import annotations

import numpy as np
import pytest

import graphrun as gr
from graphrun.ir.verify import verify

HEAD = "graphrun: 1\ninputs: {x: 3, m: {shape: [2], default: [1, 2]}, k: {dtype: int64, default: 2}}\nparams: {w: 2}\nnodes:\n"


def values(nodes: str, **more: object) -> dict[str, float]:
    model = gr.loads(HEAD + nodes)
    verify(model.built.graph)
    found = model.run()
    return {name: found[name] for name in model.built.nodes}


def test_derivatives_of_any_order() -> None:
    found = values(
        "  J: w^4 * x\n  g1: grad(J, w)\n  g2: grad(g1, w)\n  g3: grad(g2, w)\n  g4: grad(grad(g3, w), w)\n  mixed: grad(g1, x)\n"
    )
    assert found == {"J": 48, "g1": 96, "g2": 144, "g3": 144, "g4": 0, "mixed": 32}


def test_with_respect_to_an_inner_node_and_a_layer_s_parameter() -> None:
    model = gr.loads(HEAD + "  h: stack([m, m]) -> dense(3)\n  J: sum(h^2)\n  a: grad(J, h)\n  b: grad(J, h.weight)\n")
    found = model.run()
    np.testing.assert_allclose(found["a"], 2 * found["h"])
    np.testing.assert_allclose(found["b"], np.array([[1, 2], [1, 2]]).T @ (2 * found["h"]), rtol=1e-14)


def test_piped_by_name_and_of_an_expression() -> None:
    found = values("  a: w * x -> grad(w)\n  b: grad(w=x, J=w * x)\n  c: 1 + grad(w * w, w)\n")
    assert found == {"a": 3, "b": 2, "c": 5}


def test_in_a_function_the_arguments_have_names() -> None:
    functions = "functions:\n  slope(u, at): grad(sum(u), at)\n  own(x): x * grad(x^2, x)\n"
    head = HEAD.replace("params:", functions + "params:")
    found = gr.loads(head + "  u: m^3\n  g: slope(u, m)\n  h: own(m[0])\n").run()
    np.testing.assert_array_equal(found["g"], [3, 12])
    assert found["h"] == 2


def test_steps_are_those_of_the_formula_and_none_is_idle() -> None:
    model = gr.loads(HEAD + "  J: w^2 * x\n  g: grad(J, w)\n  h: 2 * grad(g, w)\n")
    graph = model.built.graph
    assert [graph.name(i) for i in range(len(graph)) if graph.inputs(i) and graph.owner(i) == "g"] == ["g#1", "g#2", "g"]
    used = graph.ancestors([model.built.nodes[name] for name in ("J", "g", "h")])
    assert all(used[i] for i in range(len(graph)) if graph.inputs(i))


def test_in_a_graph_for_one_row_it_is_that_row_s() -> None:
    text = """
graphrun: 1
inputs: {x: 1}
params: {w: 2.0}
nodes:
  u: w * x^3
  slope: grad(u, x)
  J: (slope - 1)^2
loss: J
data: {rows: [[1], [2], [3]], columns: [x]}
train: {steps: 3, optimizer: sgd(lr=1e-4)}
"""
    model = gr.loads(text)
    np.testing.assert_allclose(model.run(row="all")["slope"], [6, 24, 54])
    runs = [gr.loads(text).train(engine=engine) for engine in ("reference", "python")]
    w = 2.0
    for _ in range(3):
        w -= 1e-4 * np.mean([2 * (3 * w * x**2 - 1) * 3 * x**2 for x in (1, 2, 3)])
    assert [run.params["w"] for run in runs] == pytest.approx([w, w], rel=1e-13)


def test_one_element_of_a_batch_hands_its_gradient_back() -> None:
    head = "graphrun: 1\ninputs: {x: {shape: [batch, 2], default: [[1, 2], [3, 4]]}}\n"
    found = gr.loads(head + "nodes:\n  J: x[0, 1]^3\n  g: grad(J, x)\n  h: grad(sum(g), x)\n").run()
    assert found["g"].tolist() == [[0, 12], [0, 0]]
    assert found["h"].tolist() == [[0, 12], [0, 0]]


def test_nothing_to_depend_on_is_zero_and_told() -> None:
    assert values("  J: w^2\n  g: grad(J, m)\n")["g"].tolist() == [0, 0]


FAULTS = {
    "  J: w * m\n  g: grad(J, m)\n": "`grad` is the gradient of one number, and `J` has shape [2]",
    "  J: w * x\n  g: grad(J, x * 2)\n": "`grad(J, w)` is taken with respect to a value that has a name; `x * 2` is a value of the graph",
    "  J: w * x\n  g: grad(J, 3)\n": "`3` is 3",
    "  J: w * x\n  g: grad(J)\n": "`grad` lacks `w`",
    "  J: w * k\n  g: grad(J, k)\n": "`k` is int64 and has no derivatives",
    "  J: w * x + g\n  g: grad(J, x)\n": "these nodes depend on each other: J -> g -> J",
    "  J: w * x\n  g: grad(J, q)\n": "there is no value called `q`",
}


@pytest.mark.parametrize("nodes", FAULTS)
def test_faults(nodes: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(HEAD + nodes)
    assert FAULTS[nodes] in str(caught.value)
