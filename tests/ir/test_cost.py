"""Multiply-adds and memory of nodes."""

from __future__ import annotations

import pytest

import graphrun as gr
from graphrun.ir.cost import Cost, cost_text, node_cost, total_cost
from graphrun.ir.types import sym


def graph_of(nodes: str, inputs: str = "{x: {shape: [batch, 3, 8, 8]}, z: {shape: [5, 7]}}", params: str = "{}") -> tuple:
    built = gr.loads(f"graphrun: 1\nname: c\ninputs: {inputs}\nparams: {params}\nnodes:\n  y: {nodes}\n").built
    return built.graph, built.nodes["y"]


@pytest.mark.parametrize(
    ("formula", "adds", "memory"),
    [
        ("z @ z.T", 5 * 7 * 5, 25 * 8),
        ("exp(z)", 35, 35 * 8),
        ("sum(z)", 35, 8),
        ("reshape(z, [7, 5])", 0, 35 * 8),
        ("z == 0", 35, 35),
    ],
)
def test_operations(formula, adds, memory):
    assert node_cost(*graph_of(formula)) == Cost(adds, memory)


def test_a_convolution_with_a_symbolic_batch():
    graph, node = graph_of("conv2d(x, k, padding=1)", params="{k: {shape: [4, 3, 3, 3], init: 0}}")
    batch = sym("batch")
    assert node_cost(graph, node) == Cost(batch * (4 * 8 * 8 * 27), batch * (4 * 8 * 8 * 8))


def test_sums_and_texts():
    graph, node = graph_of("exp(z)")
    assert total_cost(graph, [node, node]) == Cost(70, 560)
    assert cost_text(Cost(99_999, 999)) == ("99,999", "999 B")
    assert cost_text(Cost(1_234_567, 1_000_000)) == ("1.23 million", "1 MB")
    assert cost_text(Cost(sym("batch") * 640 + 10, 0)) == ("640 · batch + 10", "0 B")
