"""Slopes far below 0, beside PyTorch: relative to their own size, in both dtypes, and their own slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr

torch = pytest.importorskip("torch")
F = torch.nn.functional

CALLS: dict[str, Any] = {
    "elu(x)": F.elu, "elu(x, 0.5)": lambda x: F.elu(x, 0.5), "selu(x)": F.selu, "celu(x)": F.celu, "celu(x, 0.5)": lambda x: F.celu(x, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("formula", CALLS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_slopes_keep_their_digits(formula: str, dtype: str, rtol: float) -> None:
    x = np.array([-40.0, -30.0, -20.0, -10.0, -1.0, -0.0, 0.0, 1.0, 200.0, np.inf], dtype)
    t = torch.tensor(x, requires_grad=True)
    (first,) = torch.autograd.grad(CALLS[formula](t).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), t)
    lines = [f"graphrun: 1\ndtype: {dtype}\ninputs: {{x: {{shape: [10]}}}}", f"nodes:\n  J: sum({formula})\n  g: grad(J, x)\n  K: sum(g)"]
    found = gr.loads("\n".join([*lines, "loss: K\n"])).grad(feeds={"x": x})
    np.testing.assert_allclose(found.values["g"], first.detach().numpy(), rtol=rtol)
    np.testing.assert_allclose(found["x"], second.numpy(), rtol=rtol)


def test_single_precision_overflows_without_a_warning() -> None:
    """Warnings are errors here."""
    text = "graphrun: 1\ndtype: float32\nparams: {w: 1e30, v: 1e30}\nnodes: {J: w*v}\nloss: J\ntrain: {steps: 2, optimizer: sgd}\n"
    with pytest.raises(gr.RunError, match="the loss became inf"):
        gr.loads(text).train()


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("linspace(0, 1, -1)", "`steps` of `linspace` is how many numbers there are, not -1"),
        ("arange(none)", "`end` of `arange` is a number, not `none`"),
        ("arange(0, 3, none)", "`step` of `arange` is a number, not `none`"),
        ("arange(0, inf)", "`end` of `arange` is a finite number, not inf"),
    ],
)
def test_lengths_that_there_are_not(formula: str, message: str) -> None:
    with pytest.raises(gr.SpecError, match=message):
        gr.loads(f'graphrun: 1\nnodes: {{y: "{formula}"}}\n')
