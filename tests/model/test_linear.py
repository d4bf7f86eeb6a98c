"""What a linear net of scalars computes, as one sum."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphrun as gr
from graphrun.model.linear import linear_text

SPECS = Path(__file__).parents[2] / "specs"
DATA = "loss: J\ndata: {columns: [x, y], rows: [[1, 2], [2, 3]]}\n"


def text(nodes: str, params: str = "{w: 2, b: -3}") -> str:
    model = gr.loads(f"graphrun: 1\ninputs: {{x: {{}}, y: {{}}}}\nparams: {params}\nnodes:\n{nodes}\n  J: (p - y)^2\n{DATA}")
    return linear_text(model, model.params)


def test_the_net_of_the_reference_text() -> None:
    model = gr.load(SPECS / "ann.yaml")
    assert linear_text(model, model.params) == "hat_y = 5.0000 x1 + 1.0000 x2"  # 1 · 2 + (-1) · (-3) and 2 · 2 + 1 · (-3)
    assert linear_text(model, model.train().params) == "hat_y = 3.0000 x1 + 1.0000 x2"


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("  p: w * x + b", "p = 2.0000 x - 3.0000"),
        ("  u: -(w * x)\n  p: u / 4 - b * 1e-6", "p = -0.5000 x + 3e-06"),
        ("  p: tanh(w * x) + b", ""),
        ("  p: x * (w * x) + b", ""),
        ("  p: b + w + 0 * y", ""),
    ],
)
def test_only_sums_are_told(nodes: str, said: str) -> None:
    assert text(nodes) == said


def test_arrays_and_batches_are_not_told() -> None:
    for name in ("xor", "iris"):
        model = gr.load(SPECS / f"{name}.yaml")
        assert linear_text(model, model.params) == ""
