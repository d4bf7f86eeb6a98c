"""Models of the gallery whose nets are more than a chain, beside the same models in torch; batch norm with its running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beside_torch import MODELS, Forward, Optimizer, agrees_for_a_step, dense

import graphrun as gr


def info_nce(torch: Any, p: Any, x: Any) -> Any:
    F = torch.nn.functional
    a, b = (F.normalize(dense(p, torch.tanh(dense(p, x[kind], f"{name}.0")), f"{name}.1")) for name, kind in (("a", "rgb"), ("b", "hsv")))
    scores = p["sharpness"].exp() * a @ b.T
    own = torch.arange(len(scores))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def mixture_of_experts(torch: Any, p: Any, x: Any) -> Any:
    scores = dense(p, torch.tanh(dense(p, x["x"], "scores.0")), "scores.1")
    top = scores.topk(2)
    gates = torch.zeros_like(scores).scatter(-1, top.indices, top.values.softmax(-1))
    guess = (gates * (x["x"] @ p["slope"] + p["level"])).sum(-1, keepdim=True)
    load = gates.mean(0)
    return torch.nn.functional.mse_loss(guess, x["y"]) + 0.1 * load.var(correction=0) / load.mean() ** 2


def neural_ode(torch: Any, p: Any, x: Any) -> Any:
    def field(state: Any) -> Any:
        return dense(p, torch.tanh(dense(p, state, "states.k1.0")), "states.k1.1")

    state, states = x["start"], []
    for _ in range(8):
        k1 = field(state)
        k2 = field(state + 0.25 * k1)
        k3 = field(state + 0.25 * k2)
        k4 = field(state + 0.5 * k3)
        state = state + 0.5 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(state)
    return torch.nn.functional.mse_loss(torch.stack(states, 1), x["path"])


def physics_informed(torch: Any, p: Any, x: Any) -> Any:
    at, t = (x[n].clone().requires_grad_() for n in ("x", "t"))
    h = torch.tanh(dense(p, torch.tanh(dense(p, torch.stack([at, t], -1), "u.0")), "u.1"))
    u = dense(p, h, "u.2").squeeze(-1)

    def slope(of: Any, by: Any) -> Any:
        return torch.autograd.grad(of.sum(), by, create_graph=True)[0]

    known = torch.where(t == 0, torch.sin(torch.pi * at), 0)
    return torch.where(x["edge"], (u - known) ** 2, (slope(u, t) - 0.1 * slope(slope(u, at), at)) ** 2).mean()


def unet(torch: Any, p: Any, x: Any) -> Any:
    F = torch.nn.functional

    def twice(h: Any, name: str) -> Any:
        for k in range(2):
            h = F.conv2d(h, p[f"{name}.{k}.weight"], p[f"{name}.{k}.bias"], padding=1).relu()
        return h

    def up(h: Any, across: Any, name: str) -> Any:
        return twice(torch.cat([across, F.conv_transpose2d(h, p[f"{name}.weight"], p[f"{name}.bias"], stride=2)], 1), name)

    fine = twice(x["image"], "fine")
    middle = twice(F.max_pool2d(fine, 2), "middle")
    coarse = twice(F.max_pool2d(middle, 2), "coarse")
    whole = up(up(coarse, middle, "wider"), fine, "whole")
    logits = F.conv2d(whole, p["logits.weight"], p["logits.bias"])
    return F.binary_cross_entropy_with_logits(logits, x["inside"])


def logistic_regression(torch: Any, p: Any, x: Any) -> Any:
    return torch.nn.functional.binary_cross_entropy_with_logits(p["slope"] * x["hours"] + p["start"], x["passed"])


CASES: dict[str, tuple[Forward, Optimizer]] = {
    "info_nce": (info_nce, lambda o, p: o.Adam(p, 0.05)),
    "mixture_of_experts": (mixture_of_experts, lambda o, p: o.Adam(p, 0.05)),
    "neural_ode": (neural_ode, lambda o, p: o.Adam(p, 0.02)),
    "physics_informed": (physics_informed, lambda o, p: o.Adam(p, 0.02)),
    "unet": (unet, lambda o, p: o.Adam(p, 0.02)),
    "logistic_regression": (logistic_regression, lambda o, p: o.SGD(p, 0.3, 0.9, nesterov=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_torchs(name: str) -> None:
    agrees_for_a_step(name, *CASES[name])


class Block:
    """`resnet_block` in torch, with the modules' own running statistics."""

    def __init__(self, torch: Any, p: Any) -> None:
        self.torch, self.p = torch, p
        self.norms = {f"seen.{n}.1": torch.nn.BatchNorm2d(4, dtype=torch.float64) for n in ("first", "second")}
        for name, norm in self.norms.items():
            norm.weight, norm.bias = p[f"{name}.weight"], p[f"{name}.bias"]

    def __call__(self, x: Any, training: bool) -> Any:
        """The logits."""
        F, p = self.torch.nn.functional, self.p
        for norm in self.norms.values():
            norm.train(training)
        start = F.conv2d(x["image"], p["start.weight"], p["start.bias"], padding=1)
        h = self.norms["seen.first.1"](F.conv2d(start, p["seen.first.0.weight"], padding=1)).relu()
        h = self.norms["seen.second.1"](F.conv2d(h, p["seen.second.0.weight"], padding=1))
        return dense(p, (start + h).relu().mean((2, 3)), "logits")

    def loss(self, x: Any, training: bool) -> Any:
        return self.torch.nn.functional.cross_entropy(self(x, training), x["letter"])

    def running(self) -> dict[str, Any]:
        """The running statistics by name."""
        statistics = ("running_mean", "running_var")
        return {f"{name}.{s}": getattr(norm, s).detach().numpy().copy() for name, norm in self.norms.items() for s in statistics}


def gradients(loss: Any, p: Any) -> dict[str, Any]:
    for v in p.values():
        v.grad = None
    loss.backward()
    return {n: v.grad.numpy().copy() for n, v in p.items()}


def test_batch_norm_in_a_block_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    model: Any = gr.load(MODELS / "resnet_block.yaml")
    x = {n: torch.tensor(v) for n, v in model.dataset.train.items()}
    p = {n: torch.nn.Parameter(torch.tensor(v)) for n, v in model.params.items()}
    block = Block(torch, p)
    before = block.loss(x, training=False)
    same(model.grad(), before.item(), gradients(before, p))
    optimizer = torch.optim.SGD(p.values(), 0.1, 0.9)
    here = block.loss(x, training=True)  # moves the running statistics, once
    same(model.grad(training=True), here.item(), gradients(here, p))
    optimizer.step()
    model.train(steps=1)
    trained = {n: v.detach().numpy() for n, v in p.items()}
    for ours, theirs in ((model.params, trained), (model.state, block.running())):
        for n, value in theirs.items():
            np.testing.assert_allclose(ours[n], value, rtol=1e-10, atol=1e-12, err_msg=n)
    after = block.loss(x, training=False)
    same(model.grad(), after.item(), gradients(after, p))
    np.testing.assert_allclose(model.run()["logits"], block(x, training=False).detach().numpy(), rtol=1e-10)
    expected = [entry.values["J"] for entry in model.spec.model.expect if "J" in entry.values]
    assert [before.item(), after.item()] == pytest.approx(expected, rel=1e-10)


def same(g: Any, loss: float, expected: dict[str, Any]) -> None:
    assert g.loss == pytest.approx(loss, rel=1e-12)
    for n, value in expected.items():
        np.testing.assert_allclose(g[n], value, rtol=1e-8, atol=1e-14, err_msg=n)


def test_the_published_fit_is_the_best_one() -> None:
    torch = pytest.importorskip("torch")
    model: Any = gr.load(MODELS / "logistic_regression.yaml")
    x = {n: torch.tensor(v) for n, v in model.dataset.train.items()}

    def loss(p: Any) -> Any:
        return logistic_regression(torch, {"slope": p[0], "start": p[1]}, x)

    p = torch.zeros(2, dtype=torch.float64)
    for _ in range(10):  # Newton's method
        of = torch.autograd.functional
        p = p - torch.linalg.solve(of.hessian(loss, p), of.jacobian(loss, p))
    run = model.train()
    assert [float(run.params[n]) for n in ("slope", "start")] == pytest.approx(p.tolist(), rel=1e-10)
    assert [round(v, 4) for v in p.tolist()] == [1.5046, -4.0777]
    assert len(x["hours"]) * loss(p).item() == pytest.approx(8.02988, abs=5e-6)
