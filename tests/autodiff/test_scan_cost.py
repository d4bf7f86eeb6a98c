"""A backward pass through a scan costs as much per position however long it is: nodes and elements are counted, nothing is timed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import graphrun as gr
from graphrun.autodiff import reverse
from graphrun.ir.graph import Graph
from graphrun.ops.shape import UNSLICE
from graphrun.train.plan import TrainingPlan

LENGTHS = (32, 64, 128)
PARTIAL = {"slice", "unpack"}  # read no more than they write
PADDED = {"unslice", "pad", "put_along", "scatter_add", "scatter_rows"}
HEAD = """\
graphrun: 1
params:
  x: {{shape: {shape}, init: normal()}}
  W: {{shape: [3, 4], init: normal()}}
  U: {{shape: [4, 4], init: normal()}}
  start: {{shape: [5, 4], init: 0}}
functions:
  cell(h, x_t): tanh(x_t @ W + h @ U)
  gated(h, x_t): "[tanh(x_t @ W + h[0] @ U), h[1] + h[0]]"
  paired(h, x_t): tanh(x_t[0] @ W + h @ U) * mean(x_t[1])
nodes:
"""
FORMS = {
    "rows": ("[{n}, 5, 3]", "  h: scan(x, cell, start)\n  J: mean(h^2)"),
    "another axis": ("[5, {n}, 3]", "  h: scan(x, cell, start, axis=1)\n  J: mean(h^2) + mean(h[:, -1])"),
    "the last carry": ("[{n}, 5, 3]", "  h: scan(x, cell, start)\n  J: sum(h[-1])"),
    "two carries": ("[{n}, 5, 3]", "  h: scan(x, gated, [start, start])\n  J: mean(h[0]^2) + mean(h[1])"),
    "two sequences": ("[{n}, 5, 3]", "  h: scan([x, x * 2], paired, start)\n  J: mean(h^2)"),
    "one after the other": ("[{n}, 5, 3]", "  g: scan(x, cell, start)\n  h: scan(g[:, :, 1:], cell, start)\n  J: mean(h^2) + mean(g * h)"),
    "numbers": ("[{n}]", "  h: scan(x, leaky, 0)\n  J: sum(h^2) + h[-1]"),
}


def spec(form: str, length: int) -> str:
    shape, nodes = FORMS[form]
    text = HEAD.format(shape=shape.format(n=length)) + nodes + "\nloss: J\ntrain: {optimizer: adam(lr=0.01), steps: 3}\n"
    return text.replace("nodes:", "  leaky(h, x_t): 0.9 * h + sin(x_t * h + x_t)\nnodes:")


def moved(graph: Graph, first: int) -> tuple[int, int, Counter[str]]:
    """The nodes from `first` on, the elements that they read and write, and how often each operation is among them."""
    elements = 0
    for i in range(first, len(graph)):
        wrote = size(graph, i)
        elements += wrote + (wrote if graph.op(i).name in PARTIAL else sum(size(graph, j) for j in graph.inputs(i)))
    return len(graph) - first, elements, Counter(graph.op(i).name for i in range(first, len(graph)))


def size(graph: Graph, i: int) -> int:
    return int(np.prod(graph.shape(i), dtype=int))


def backward_cost(form: str, length: int) -> tuple[int, int, Counter[str]]:
    built = gr.loads(spec(form, length)).built
    graph, _ = reverse.backward(built.graph, built.loss, [p.node for p in built.params.values() if p.node is not None])
    return moved(graph, len(built.graph))


def linear(costs: list[int]) -> bool:
    """Whether twice the length adds twice as much."""
    return costs[2] - costs[1] == 2 * (costs[1] - costs[0]) > 0


@pytest.mark.parametrize("form", FORMS)
def test_nodes_and_elements_of_the_backward_pass_grow_with_the_length(form):
    costs = [backward_cost(form, n) for n in LENGTHS]
    assert linear([c[0] for c in costs])
    assert linear([c[1] for c in costs])
    assert [{op: n for op, n in c[2].items() if op in PADDED} for c in costs] == [{}, {}, {}]


def test_padded_sums_would_be_seen(monkeypatch):
    def padded(b, shape, parts):
        return [UNSLICE(b, part.g, shape=shape, index=part.index) for part in parts]

    monkeypatch.setattr(reverse, "_join", padded)
    costs = [backward_cost("rows", n) for n in LENGTHS]
    assert linear([c[0] for c in costs])
    assert not linear([c[1] for c in costs])
    assert costs[0][2]["unslice"] >= LENGTHS[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_training_step_grows_with_the_length(form):
    costs = []
    for n in LENGTHS:
        model = gr.loads(spec(form, n))
        step = TrainingPlan(model.built_for(True), (), 10, model.params, 1, {}).step_for(1)
        costs.append(moved(step.graph, 0))
        assert not PADDED & costs[-1][2].keys()
    assert linear([c[0] for c in costs])
    assert linear([c[1] for c in costs])
