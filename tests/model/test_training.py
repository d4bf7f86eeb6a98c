"""Training through the public API: optimizers against torch, rows against batches, seeds, clipping, settings by parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr

NET = """
graphrun: 1
inputs: {{x: {{shape: [batch, 3]}}, y: {{shape: [batch, 2]}}}}
nodes:
  out: x -> dense(5, tanh) -> dense(2)
  J: mean((out - y)^2)
loss: J
data:
  columns: [x, y]
  rows: {rows}
train: {{optimizer: "{optimizer}", steps: 7 {more}}}
"""
RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(10, 5)).round(3).tolist()


def net(optimizer: str, more: str = "") -> gr.Model:
    return gr.loads(NET.format(rows=[[row[:3], row[3:]] for row in ROWS], optimizer=optimizer, more=more))


TORCH: dict[str, Any] = {
    "sgd(lr=0.1)": ("SGD", {"lr": 0.1}),
    "sgd(lr=0.1, momentum=0.9)": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "momentum(lr=0.1)": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)": (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    ),
    "sgd(lr=0.1, momentum=0.9, nesterov=true)": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam(lr=0.01)": ("Adam", {"lr": 0.01}),
    "adam(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.1)": (
        "Adam",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1},
    ),
    "adam(lr=0.1, amsgrad=true)": ("Adam", {"lr": 0.1, "amsgrad": True}),
}


@pytest.mark.parametrize("engine", ["reference", "python"])
@pytest.mark.parametrize("optimizer", TORCH)
def test_an_optimizer_makes_the_steps_of_torch(optimizer: str, engine: str) -> None:
    torch = pytest.importorskip("torch")
    model = net(optimizer)
    names = list(model.params)
    p = {n: torch.tensor(model.params[n], requires_grad=True) for n in names}
    run = model.train(engine=engine)
    kind, arguments = TORCH[optimizer]
    steps = getattr(torch.optim, kind)(list(p.values()), **arguments)
    rows = torch.tensor(ROWS, dtype=torch.float64)
    losses = []
    for _ in range(7):
        h = torch.tanh(rows[:, :3] @ p["out.0.weight"] + p["out.0.bias"])
        loss = ((h @ p["out.1.weight"] + p["out.1.bias"] - rows[:, 3:]) ** 2).mean()
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    np.testing.assert_allclose(run.history.loss, losses, rtol=1e-11)
    for n in names:
        np.testing.assert_allclose(run.params[n], p[n].detach().numpy(), rtol=1e-10, atol=1e-12)


def test_clipping_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(
        "graphrun: 1\ninputs: {x: 3}\nparams: {w: 2, v: [1, 4]}\nnodes:\n  J: w^2 * x + sum(v^2)\nloss: J\n"
        "train: {optimizer: sgd(lr=0.1), steps: 3, clip: 1.0}"
    )
    p = [torch.tensor(2.0, dtype=torch.float64, requires_grad=True), torch.tensor([1.0, 4.0], dtype=torch.float64, requires_grad=True)]
    steps = torch.optim.SGD(p, lr=0.1)
    for _ in range(3):
        steps.zero_grad()
        (p[0] ** 2 * 3 + (p[1] ** 2).sum()).backward()
        torch.nn.utils.clip_grad_norm_(p, 1.0)
        steps.step()
    run = model.train()
    assert run.params["w"] == pytest.approx(p[0].item(), rel=1e-12)
    np.testing.assert_allclose(run.params["v"], p[1].detach().numpy(), rtol=1e-12)


ONE_ROW = """
graphrun: 1
inputs: {x: {shape: [2]}, y: {}}
params: {W: [[0.5, -0.3, 0.1], [0.2, 0.4, -0.6]], b: [0, 0.1, 0], v: [1, -1, 0.5], c: 0.2}
nodes:
  h: tanh(x @ W + b)
  p: h @ v + c
  J: 1/2 * (p - y)^2
loss: J
data: {columns: [x, y], rows: [[[1, 2], 3], [[0, 1], 1], [[2, -1], 0], [[1, 1], 2], [[-1, 0.5], 1]]}
train: {optimizer: adam(lr=0.05), steps: 20, batch: 2, seed: 4}
"""
BATCH = (
    ONE_ROW.replace("{shape: [2]}", "{shape: [batch, 2]}")
    .replace("y: {}", "y: {shape: [batch]}")
    .replace("J: 1/2 * (p - y)^2", "J: mean(1/2 * (p - y)^2)")
)


@pytest.mark.parametrize("engine", ["reference", "python"])
def test_a_graph_for_one_row_and_one_for_a_batch_train_alike(engine: str) -> None:
    one, batch = gr.loads(ONE_ROW).train(engine=engine), gr.loads(BATCH).train(engine=engine)
    np.testing.assert_allclose(one.history.loss, batch.history.loss, rtol=1e-12)
    for name in one.params:
        np.testing.assert_allclose(one.params[name], batch.params[name], rtol=1e-10, atol=1e-13)


def test_all_rows_give_the_mean_gradient() -> None:
    model = gr.loads(ONE_ROW)
    mean = model.grad(row="all")
    each = [model.grad(row=k) for k in range(1, 6)]
    assert mean.loss == pytest.approx(np.mean([g.loss for g in each]), rel=1e-13)
    np.testing.assert_allclose(mean["W"], np.mean([g["W"] for g in each], axis=0), rtol=1e-12)


def test_equal_seeds_give_equal_bits_and_others_do_not() -> None:
    a, b, c = (gr.loads(ONE_ROW).train(seed=s) for s in (1, 1, 2))
    assert a.history.loss == b.history.loss
    assert all(np.array_equal(a.params[n], b.params[n]) for n in a.params)
    assert a.history.loss != c.history.loss


def test_initial_values_follow_from_seed_and_name_alone() -> None:
    small = gr.loads("graphrun: 1\ninputs: {x: {shape: [batch, 4]}}\nnodes:\n  h: x -> dense(3)\n  J: mean(h)\nloss: J")
    large = gr.loads(
        "graphrun: 1\ninputs: {x: {shape: [batch, 4]}}\nnodes:\n  g: x -> dense(4)\n  h: x + g -> dense(3)\n  J: mean(h)\nloss: J"
    )
    assert np.array_equal(small.params["h.weight"], large.params["h.weight"])
    assert not np.array_equal(large.params["g.weight"][:, :3], large.params["h.weight"])


def test_settings_by_parameter() -> None:
    more = ', per_parameter: {"*.bias": {lr: 0}, "out.0.*": {frozen: true}}'
    model = net("sgd(lr=0.1)", more)
    before = dict(model.params)
    after = model.train().params
    assert np.array_equal(after["out.1.bias"], before["out.1.bias"])
    assert np.array_equal(after["out.0.weight"], before["out.0.weight"])
    assert not np.array_equal(after["out.1.weight"], before["out.1.weight"])


def test_a_parameter_that_is_not_trainable_stays() -> None:
    model = gr.loads(
        "graphrun: 1\nparams: {w: {init: 2, trainable: false}, v: 1}\nnodes:\n  J: (w * v - 3)^2\nloss: J\n"
        "train: {optimizer: sgd(lr=0.1), steps: 5}"
    )
    run = model.train()
    assert run.params["w"] == 2.0
    assert run.params["v"] != 1.0


def test_an_own_optimizer_and_a_schedule_of_the_step() -> None:
    text = """
graphrun: 1
params: {w: 4}
nodes: {J: w^2}
loss: J
optimizers:
  heavy_ball(lr, beta=0.9):
    state:
      v: {init: 0, update: beta * v + grad}
    nodes:
      move: lr * v
    update: param - move
train: {optimizer: "heavy_ball(lr=0.1 * (1 - step / steps), beta=0.5)", steps: 4}
"""
    w, v = 4.0, 0.0
    for k in range(4):
        v = 0.5 * v + 2 * w
        w -= 0.1 * (1 - k / 4) * v
    for engine in ("reference", "python"):
        assert gr.loads(text).train(engine=engine).params["w"] == pytest.approx(w, rel=1e-14)


def test_float32_is_float32_throughout() -> None:
    text = BATCH.replace("graphrun: 1", "graphrun: 1\ndtype: float32")
    model = gr.loads(text)
    a, b = gr.loads(text).train(engine="reference"), gr.loads(text).train(engine="python")
    assert {str(v.dtype) for v in model.params.values()} == {"float32"}
    assert {str(v.dtype) for v in a.params.values()} == {"float32"}
    for name in a.params:
        np.testing.assert_allclose(a.params[name], b.params[name], rtol=1e-5, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where() -> None:
    text = "graphrun: 1\nparams: {w: 1}\nnodes:\n  z: w - 0.5\n  J: log(z)\nloss: J\ntrain: {optimizer: sgd(lr=0.1), steps: 50}"
    with pytest.raises(gr.RunError, match=r"non-finite.*step \d+: the loss became nan"):
        gr.loads(text).train()
