"""Graphs of thousands of nodes: built in linear time, counted exactly, refused where they are nested too deeply."""

from __future__ import annotations

import pytest

import graphrun as gr
from benchmarks.scalars import spec


def test_ten_thousand_neurons_and_a_hundred_thousand_weights() -> None:
    model = gr.loads(spec())
    assert model.built.work == (10_000, 100_000)
    g = model.grad()
    work = sum(model.built.work), model.built.work[0] * model.built.work[1]
    assert work == (110_000, 1_000_000_000)
    step = 1e-5
    high, low = (model.run(params={"w0_0_0": model.params["w0_0_0"] + d})["J"] for d in (step, -step))
    assert g["w0_0_0"] == pytest.approx((high - low) / (2 * step), rel=1e-5, abs=1e-12)


def test_functions_that_are_nested_too_deeply_are_told() -> None:
    functions = "\n".join(f"  f{k}(x): f{k + 1}(x) + 1" for k in range(2000))
    text = f"graphrun: 1\ninputs: {{x: 1}}\nfunctions:\n{functions}\n  f2000(x): x\nnodes:\n  J: f0(x)\nloss: J"
    with pytest.raises(gr.SpecError, match="recursion: functions are nested too deeply"):
        gr.loads(text)


def test_a_scan_over_many_positions() -> None:
    text = """
graphrun: 1
inputs: {x: {shape: [500], default: 1}}
params: {w: 0.5}
functions:
  cell(c, v): w * c + v
nodes:
  h: scan(x, cell, 0)
  J: h[-1]
loss: J
"""
    g = gr.loads(text).grad(x=[1.0] * 500)
    assert g.loss == pytest.approx(2.0)
    assert g["w"] == pytest.approx(4.0)
