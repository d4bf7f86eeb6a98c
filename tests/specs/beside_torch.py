"""A model of the gallery beside the same model in torch: the loss, every gradient, and the parameters after one step of training.

The numbers of a step in `expect` of these specs are torch's, from the initial values of the spec.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr

MODELS = Path(__file__).resolve().parents[2] / "specs" / "models"

Forward = Callable[[Any, Any, Any], Any]
"""The loss in torch, of torch, the parameters by name and the data by name."""

Optimizer = Callable[[Any, Any], Any]
"""An optimizer of `torch.optim`, of that module and the list of parameters."""


def dense(p: Any, h: Any, name: str) -> Any:
    """The layer `name` of the spec."""
    return h @ p[f"{name}.weight"] + p[f"{name}.bias"]


def one_step(
    torch: Any, forward: Forward, optimizer: Optimizer, model: Any
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[float]]:
    """In torch: the data, the gradients, the parameters after a step, and the losses before and after it."""
    x = {n: torch.tensor(v) for n, v in model.dataset.train.items()}
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    made = optimizer(torch.optim, list(p.values()))
    loss = forward(torch, p, x)
    loss.backward()
    gradients = {n: v.grad.numpy().copy() for n, v in p.items()}
    if model.spec.model.train.clip is not None:
        torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
    made.step()
    losses = [loss.item(), forward(torch, p, x).item()]
    return x, gradients, {n: v.detach().numpy() for n, v in p.items()}, losses


def agrees_for_a_step(name: str, forward: Forward, optimizer: Optimizer) -> None:
    """`specs/models/<name>.yaml` and torch agree on the losses that the spec expects, every gradient, and the parameters after a step."""
    torch = pytest.importorskip("torch")
    model = gr.load(MODELS / f"{name}.yaml")
    x, gradients, after, losses = one_step(torch, forward, optimizer, model)
    expected = [entry.values["J"] for entry in model.spec.model.expect if "J" in entry.values]
    assert losses == pytest.approx(expected, rel=1e-10)
    g = model.grad(feeds={n: v.numpy() for n, v in x.items()})
    assert g.loss == pytest.approx(losses[0], rel=1e-12)
    for n, value in gradients.items():
        np.testing.assert_allclose(g[n], value, rtol=1e-8, atol=1e-14, err_msg=n)
    ours = model.train(steps=1).params
    for n, value in after.items():
        np.testing.assert_allclose(ours[n], value, rtol=1e-8, atol=1e-8, err_msg=n)
