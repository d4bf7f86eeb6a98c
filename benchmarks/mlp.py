"""A multilayer perceptron, 64-128-64-10, with relu, cross entropy and Adam: batches of 64 from 1,000 rows, the last one of 40."""

from __future__ import annotations

import numpy as np

import graphrun as gr
from benchmarks.common import Table, agree, compiled, installed, median, peak

SIZES = (64, 128, 64, 10)
ROWS, BATCH, RATE = 1000, 64, 1e-3
LAST = ROWS % BATCH
SPEC = """\
graphrun: 1
name: mlp
inputs:
  x: {shape: [batch, 64]}
  label: {shape: [batch], dtype: int64}
nodes:
  h: x -> dense(128) -> relu -> dense(64) -> relu
  logits: h -> dense(10)
  J: mean(cross_entropy(logits, label))
loss: J
train: {optimizer: adam(lr=1e-3), steps: 100}
"""
WEIGHTS = ("h.0.weight", "h.0.bias", "h.1.weight", "h.1.bias", "logits.weight", "logits.bias")


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """The batches of one epoch."""
    data = np.random.default_rng(0)
    x, label = data.normal(size=(ROWS, SIZES[0])), data.integers(0, SIZES[-1], ROWS)
    return [(x[k : k + BATCH], label[k : k + BATCH]) for k in range(0, ROWS, BATCH)]


def ours(table: Table, data: list[tuple[np.ndarray, np.ndarray]]) -> tuple[list[float], list[np.ndarray]]:
    """The losses of one epoch, and the initial weights."""
    model = gr.loads(SPEC)
    start = [model.params[name] for name in WEIGHTS]
    losses: list[float] = []
    for engine in ("python", "reference"):
        made = compiled(model, ("x", "label"), (BATCH, LAST), engine)
        feeds = [{"x": x, "label": label} for x, label in data]

        def epoch(made=made, feeds=feeds) -> list[float]:  # type: ignore[no-untyped-def]
            found, held = [], made.steps[BATCH]
            for k, fed in enumerate(feeds):
                step = made.steps[len(fed["label"])]
                if step is not held:
                    step.load(held.values())
                    held = step
                found += step.run(fed, k, 1)
            made.steps[BATCH].load(held.values())
            return found

        found = epoch()
        if losses:
            agree(f"the {engine} engine", found, losses)
        losses = losses or found
        table.add(f"graphrun, {engine}", median(epoch) / len(data))
    return losses, start


def torch_eager(table: Table, data: list[tuple[np.ndarray, np.ndarray]], losses: list[float], start: list[np.ndarray]) -> None:
    import torch
    from torch import nn

    w = [torch.tensor(v, requires_grad=True) for v in start]
    optimizer = torch.optim.Adam(w, lr=RATE)
    fed = [(torch.tensor(x), torch.tensor(label)) for x, label in data]

    def epoch() -> list[float]:
        found = []
        for x, label in fed:
            h = torch.relu(torch.relu(x @ w[0] + w[1]) @ w[2] + w[3])
            loss = nn.functional.cross_entropy(h @ w[4] + w[5], label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    agree("PyTorch", epoch(), losses)
    table.add("PyTorch eager", median(epoch) / len(data))


def jax_jit(table: Table, data: list[tuple[np.ndarray, np.ndarray]], losses: list[float], start: list[np.ndarray]) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def loss(w, x, label):  # type: ignore[no-untyped-def]
        h = jax.nn.relu(jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3])
        return -jnp.take_along_axis(jax.nn.log_softmax(h @ w[4] + w[5]), label[:, None], 1).mean()

    @jax.jit
    def step(state, x, label):  # type: ignore[no-untyped-def]
        w, m, v, t = state
        value, g = jax.value_and_grad(loss)(w, x, label)
        t = t + 1
        m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
        scale = [(a / (1 - 0.9**t), b / (1 - 0.999**t)) for a, b in zip(m, v, strict=True)]
        return value, ([p - RATE * a / (jnp.sqrt(b) + 1e-8) for p, (a, b) in zip(w, scale, strict=True)], m, v, t)

    w = [jnp.asarray(v) for v in start]
    state = (w, [jnp.zeros_like(v) for v in w], [jnp.zeros_like(v) for v in w], jnp.asarray(0.0))

    def epoch() -> list[float]:
        nonlocal state
        found = []
        for x, label in data:
            value, state = step(state, x, label)
            found.append(float(value))
        return found

    agree("JAX", epoch(), losses)
    table.add("jax.jit, a call a step", median(epoch) / len(data))


def main() -> None:
    """Prints the table: seconds of a training step, the mean over an epoch with its ragged last batch."""
    table, data = Table(), batches()
    losses, start = ours(table, data)
    print(f"  peak memory {peak():.0f} MB")
    if installed("torch"):
        torch_eager(table, data, losses, start)
    if installed("jax"):
        jax_jit(table, data, losses, start)


if __name__ == "__main__":
    main()
