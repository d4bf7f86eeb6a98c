"""A model of the gallery beside the same model in torch: the loss, every gradient, and the parameters after one step of training.

The numbers of a step in `expect` of these specs are torch's, from the initial values of the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr

MODELS = Path(__file__).resolve().parents[2] / "specs" / "models"

Forward = Callable[[Any, Any, Any], Any]
"""The loss in torch, of torch, the parameters by name and the data by name, the random values that the spec draws among these."""

Optimizer = Callable[[Any, Any], Any]
"""An optimizer of `torch.optim`, of that module and the list of parameters."""


def dense(p: Any, h: Any, name: str) -> Any:
    """The layer `name` of the spec."""
    return h @ p[f"{name}.weight"] + p[f"{name}.bias"]


def one_step(
    torch: Any, forward: Forward, optimizer: Optimizer, model: Any, drawn: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[float]]:
    """In torch: the data, the gradients, the parameters after a step, and the losses before and after it; in a graph for one row those
    of the first row."""
    x = {n: torch.tensor(v[: model.spec.model.train.batch]) for n, v in model.dataset.train.items()}
    values = model.run(training=True) if drawn else {}
    noise = {n: torch.tensor(values[n]) for n in drawn}
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    made = optimizer(torch.optim, list(p.values()))
    shown = {n: v[:1] for n, v in x.items()} if model.built.one_row else x
    before = forward(torch, p, shown | noise).item()
    loss = forward(torch, p, x | noise)
    loss.backward()
    gradients = {n: v.grad.numpy().copy() for n, v in p.items()}
    if model.spec.model.train.clip is not None:
        torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
    made.step()
    losses = [before, forward(torch, p, shown | noise).item()]
    return x, gradients, {n: v.detach().numpy() for n, v in p.items()}, losses


def agrees_for_a_step(name: str, forward: Forward, optimizer: Optimizer, drawn: Sequence[str] = ()) -> None:
    """`specs/models/<name>.yaml` and torch agree on the losses that the spec expects, every gradient, and the parameters after a step.

    `drawn` names nodes that hold random values: the numbers of the first step are given to torch.
    """
    torch = pytest.importorskip("torch")
    model = gr.load(MODELS / f"{name}.yaml")
    x, gradients, after, losses = one_step(torch, forward, optimizer, model, drawn)
    expected = [entry.values["J"] for entry in model.spec.model.expect if "J" in entry.values]
    assert losses == pytest.approx(expected, rel=1e-10)
    g = model.grad(row="all") if model.built.one_row else model.grad(feeds={n: v.numpy() for n, v in x.items()})
    assert (model.grad() if model.built.one_row else g).loss == pytest.approx(losses[0], rel=1e-12)
    for n, value in gradients.items():
        np.testing.assert_allclose(g[n], value, rtol=1e-8, atol=1e-14, err_msg=n)
    ours = model.train(steps=1).params
    for n, value in after.items():
        np.testing.assert_allclose(ours[n], value, rtol=1e-8, atol=1e-8, err_msg=n)
