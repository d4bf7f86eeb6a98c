"""Gradients tried out and beside their central differences."""

from __future__ import annotations

import numpy as np
import pytest

import graphrun as gr
from graphrun.ir.builder import Builder
from graphrun.model import compare as module
from graphrun.ops.arithmetic import MUL
from graphrun.ops.elementary import CAST
from graphrun.passes.widen import widen

ARRAYS = """
graphrun: 1
name: arrays
dtype: DTYPE
inputs:
  x: {shape: [4, 3]}
nodes:
  h: x -> dense(5) -> tanh
  J: mean(h^2)
loss: J
"""


def _ledger(dtype: str) -> gr.ledger.ledger.Ledger:  # type: ignore[name-defined]
    x = np.random.default_rng(0).normal(size=(4, 3))
    return gr.loads(ARRAYS.replace("DTYPE", dtype)).ledger(x=x.tolist())


def test_of_a_large_array_some_entries_and_a_direction() -> None:
    facts = _ledger("float64").facts
    labels = [c.label for c in facts.checks]
    of_each = [*["h.weight"] * 3, "h.weight, direction", *["h.bias"] * 3, "h.bias, direction"]
    assert [label.partition("[")[0] for label in labels] == of_each
    assert all(c.error < 1e-9 and not c.kink for c in facts.checks)
    assert facts.entries_checked == (6, 20)
    weight = facts.gradients[facts.params["h.weight"]]
    largest = np.unravel_index(np.argmax(np.abs(weight)), weight.shape)
    assert labels[0] == f"h.weight[{largest[0]}, {largest[1]}]"


def test_float32_is_compared_in_float64() -> None:
    """The gradient of a float32 graph is off by its own rounding, not by that of differences in float32 (which would be 1e-3)."""
    facts = _ledger("float32").facts
    assert facts.gradients[facts.params["h.weight"]].dtype == np.float32
    assert all(c.error < 1e-5 for c in facts.checks)
    assert any(c.error > 1e-9 for c in facts.checks)


def test_a_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gr.load("specs/neuron.yaml")
    found = model.grad()
    graph, nodes = model.built.graph, {n: p.node for n, p in model.built.params.items()}
    leaves = {i.node: found.values[n] for n, i in model.built.inputs.items()} | {nodes[n]: v for n, v in model.params.items()}
    values = list(found.values.by_node)
    gradients = {i: np.asarray(found[n]) * (1.01 if n == "w" else 1.0) for n, i in nodes.items()}
    out = module.compare(graph, found.of, leaves, nodes, gradients, values)
    assert {c.label: round(c.error, 4) for c in out.checks} == {"w": 0.0099, "b": 0.0}
    assert out.agreement == pytest.approx(0.0099, rel=1e-2)
    monkeypatch.setattr(module, "VISITS", 30)
    few = module.compare(graph, found.of, leaves, nodes, gradients, values)
    assert [c.label for c in few.checks] == ["all of them, direction"]
    assert (few.trials, few.entries) == ((), (0, 2))
    assert few.checks[0].error > 1e-3


def test_trials_go_both_ways() -> None:
    facts = gr.load("specs/neuron.yaml").ledger().facts
    found = [(t.name, round(t.change, 9), round(t.lowered or 0, 9)) for t in facts.trials]
    assert found == [("w", -0.003998, 0.004002), ("b", 0.0020005, -0.0019995)]


def test_a_graph_in_float64() -> None:
    b = Builder()
    x = b.input("x", (2,), "float32")
    y = CAST(b, MUL(b, x, b.const(2.0, "float32")), dtype="float32")
    wide = widen(b.graph)
    assert [wide.dtype(i) for i in range(len(wide))] == ["float64"] * 4
    assert wide.attrs(y)["dtype"] == "float64"
    assert widen(wide) is wide


def test_what_is_behind_stop_gradient_stays_as_it_is() -> None:
    ledger = gr.loads("graphrun: 1\nparams: {w: 3}\nnodes:\n  s: stop_gradient(w^2)\n  J: s * w\nloss: J").ledger()
    (check,) = ledger.facts.checks
    assert (check.gradient, check.error) == (9.0, pytest.approx(0.0, abs=1e-9))
