"""The specs with `grad` in a formula, against PyTorch's derivatives of derivatives: values, gradients, and a run of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
Values = dict[str, Any]


def gradient_penalty(p: Values, x: Values) -> Values:
    def critic(of: Any) -> Any:
        return torch.tanh(of @ p["W"] + p["b"]) @ p["v"]

    between = (0.25 * x["real"] + 0.75 * x["fake"]).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = ((slope.norm(dim=-1) - 1) ** 2).mean()
    return {"slope": slope, "penalty": penalty, "J": critic(x["fake"]).mean() - critic(x["real"]).mean() + 10 * penalty}


def newton(p: Values, x: Values) -> Values:
    def f(at: Any) -> Any:
        return 100 * (at[1] - at[0] ** 2) ** 2 + (1 - at[0]) ** 2

    (g,) = torch.autograd.grad(f(p["p"]), p["p"], create_graph=True)
    h = torch.autograd.functional.hessian(f, p["p"])
    return {"g": g, "h0": h[0], "h1": h[1], "next": p["p"] - torch.linalg.solve(h, g), "f": f(p["p"])}


def ode(p: Values, x: Values) -> Values:
    t = x["t"].requires_grad_()
    u = 1 + t * (p["v"] * torch.tanh(p["w"] * t[..., None] + p["b"])).sum(-1)
    (slope,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    return {"u": u, "slope": slope, "J": ((slope + u) ** 2).mean()}


CASES: dict[str, Callable[[Values, Values], Values]] = {"gradient_penalty": gradient_penalty, "newton": newton, "ode": ode}


def tensors(values: Any, grad: bool = False) -> Values:
    return {n: torch.tensor(np.asarray(v), dtype=torch.float64, requires_grad=grad) for n, v in values.items()}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_torchs(name: str) -> None:
    model = gr.load(ROOT / f"specs/second_order/{name}.yaml")
    feeds = dict(model.feeds({}).values)
    p = tensors(model.params, grad=True)
    expected = CASES[name](p, tensors(feeds))
    found = model.grad()
    for node, value in expected.items():
        np.testing.assert_allclose(found.values[node], value.detach().numpy(), rtol=1e-12, atol=1e-14, err_msg=node)
    expected[model.built.loss_name].backward()
    for param, value in p.items():
        np.testing.assert_allclose(found[param], value.grad.numpy(), rtol=1e-12, atol=1e-14, err_msg=param)


@pytest.mark.parametrize("name", ["gradient_penalty", "ode"])
def test_training_follows_torch(name: str) -> None:
    model = gr.load(ROOT / f"specs/second_order/{name}.yaml")
    data = model.dataset
    feeds = dict(data.train) if data is not None else dict(model.feeds({}).values)
    p = tensors(model.params, grad=True)
    optimizer = torch.optim.Adam(p.values(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        CASES[name](p, tensors(feeds))["J"].backward()
        optimizer.step()
    for engine in ("reference", "python"):
        run = gr.load(ROOT / f"specs/second_order/{name}.yaml").train(steps=20, engine=engine)
        for param, value in p.items():
            np.testing.assert_allclose(run.params[param], value.detach().numpy(), rtol=1e-9, err_msg=param)


def test_the_equation_is_solved() -> None:
    run = gr.load(ROOT / "specs/second_order/ode.yaml").train()
    assert run.metrics["error"] < 1e-4
