"""A recurrent net by `scan` over 256 steps: h = tanh(x_t W + h U + b), 8 features, 16 units, batches of 16, in float64."""

from __future__ import annotations

import numpy as np

import graphrun as gr
from benchmarks.common import Table, agree, compiled, installed, median, once, peak

LENGTH, FEATURES, UNITS, BATCH, RATE = 256, 8, 16, 16, 0.1
CHECKED = 5
SPEC = f"""\
graphrun: 1
name: recurrent
inputs:
  x: {{shape: [batch, {LENGTH}, {FEATURES}]}}
  y: {{shape: [batch, {UNITS}]}}
params:
  W: {{shape: [{FEATURES}, {UNITS}], init: glorot_uniform()}}
  U: {{shape: [{UNITS}, {UNITS}], init: glorot_uniform()}}
  b: {{shape: [{UNITS}], init: 0}}
functions:
  cell(h, x_t): tanh(x_t @ W + h @ U + b)
nodes:
  start: zeros([batch, {UNITS}])
  h: scan(x, cell, start, axis=1)
  J: mean((h[:, -1] - y)^2) + mean(h^2)
loss: J
train: {{optimizer: sgd(lr={RATE}), steps: 100}}
"""
NAMES = ("W", "U", "b")


def feeds() -> dict[str, np.ndarray]:
    """One batch."""
    data = np.random.default_rng(0)
    return {"x": data.normal(size=(BATCH, LENGTH, FEATURES)), "y": data.normal(size=(BATCH, UNITS))}


def ours(table: Table, fed: dict[str, np.ndarray]) -> tuple[list[float], list[np.ndarray]]:
    """The first losses, and the initial weights."""
    took, model = once(lambda: gr.loads(SPEC))
    nodes = len(model.built.graph)
    start = [model.params[name] for name in NAMES]
    ready, made = once(lambda: compiled(model, ("x", "y"), (BATCH,), "python"))
    print(f"  {nodes:,} nodes forward, read in {took:.2f} s; the step compiled in {ready:.2f} s")
    losses = made.steps[BATCH].run(fed, 0, CHECKED)
    reference = compiled(model, ("x", "y"), (BATCH,), "reference")
    agree("the reference engine", reference.steps[BATCH].run(fed, 0, CHECKED), losses)
    made.load()
    table.add("graphrun, python", median(lambda: made.steps[BATCH].run(fed, 0, 1)))
    table.add("graphrun, reference", median(lambda: reference.steps[BATCH].run(fed, 0, 1), repeats=3))
    return losses, start


def torch_eager(table: Table, fed: dict[str, np.ndarray], losses: list[float], start: list[np.ndarray]) -> None:
    import torch

    w, u, b = (torch.tensor(v, requires_grad=True) for v in start)
    x, y = torch.tensor(fed["x"]), torch.tensor(fed["y"])

    def step() -> float:
        h, all_h = torch.zeros(BATCH, UNITS, dtype=torch.float64), []
        for t in range(LENGTH):
            h = torch.tanh(x[:, t] @ w + h @ u + b)
            all_h.append(h)
        loss = ((h - y) ** 2).mean() + (torch.stack(all_h, 1) ** 2).mean()
        gradients = torch.autograd.grad(loss, (w, u, b))
        with torch.no_grad():
            for p, g in zip((w, u, b), gradients, strict=True):
                p.sub_(g, alpha=RATE)
        return float(loss)

    agree("PyTorch", [step() for _ in range(CHECKED)], losses)
    table.add("PyTorch eager", median(step, repeats=3))


def jax_scan(table: Table, fed: dict[str, np.ndarray], losses: list[float], start: list[np.ndarray]) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y = jnp.asarray(fed["x"]), jnp.asarray(fed["y"])

    def loss(parameters):  # type: ignore[no-untyped-def]
        w, u, b = parameters

        def cell(h, x_t):  # type: ignore[no-untyped-def]
            h = jnp.tanh(x_t @ w + h @ u + b)
            return h, h

        h, all_h = jax.lax.scan(cell, jnp.zeros((BATCH, UNITS)), jnp.swapaxes(x, 0, 1))
        return ((h - y) ** 2).mean() + (all_h**2).mean()

    @jax.jit
    def step(w):  # type: ignore[no-untyped-def]
        value, g = jax.value_and_grad(loss)(w)
        return value, [p - RATE * d for p, d in zip(w, g, strict=True)]

    w = [jnp.asarray(v) for v in start]
    found = []
    for _ in range(CHECKED):
        value, w = step(w)
        found.append(float(value))
    agree("JAX", found, losses)
    table.add("jax.jit over lax.scan", median(lambda: jax.block_until_ready(step(w))))


def main() -> None:
    """Prints the table: seconds of a training step."""
    table, fed = Table(), feeds()
    losses, start = ours(table, fed)
    print(f"  peak memory {peak():.0f} MB")
    if installed("torch"):
        torch_eager(table, fed, losses, start)
    if installed("jax"):
        jax_scan(table, fed, losses, start)


if __name__ == "__main__":
    main()
