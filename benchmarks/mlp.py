"""A multilayer perceptron with batch norm, Adam and a ragged last batch, beside PyTorch and JAX."""

from __future__ import annotations

from dataclasses import dataclass

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
  h: x -> dense(128) -> batch_norm -> relu -> dense(64) -> batch_norm -> relu
  logits: h -> dense(10)
  J: mean(cross_entropy(logits, label))
loss: J
train: {optimizer: adam(lr=1e-3), steps: 100}
"""
WEIGHTS = (
    *("h.0.weight", "h.0.bias", "h.1.weight", "h.1.bias", "h.2.weight", "h.2.bias", "h.3.weight", "h.3.bias"),
    *("logits.weight", "logits.bias"),
)
RUNNING = ("h.1.running_mean", "h.1.running_var", "h.3.running_mean", "h.3.running_var")
EPS, MOMENTUM = 1e-5, 0.1
Data = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: its losses and the running statistics after it; and the weights that it began with."""

    losses: list[float]
    running: list[np.ndarray]
    start: list[np.ndarray]

    def compare(self, who: str, losses: list[float], running: list[np.ndarray]) -> None:
        """Stops where another one does not agree."""
        agree(who, [*losses, *np.concatenate(running)], [*self.losses, *np.concatenate(self.running)])


def batches() -> Data:
    """The batches of one epoch."""
    data = np.random.default_rng(0)
    x, label = data.normal(size=(ROWS, SIZES[0])), data.integers(0, SIZES[-1], ROWS)
    return [(x[k : k + BATCH], label[k : k + BATCH]) for k in range(0, ROWS, BATCH)]


def ours(table: Table, data: Data) -> Epoch:
    """One epoch, by both engines."""
    model = gr.loads(SPEC)
    start = [model.params[name] for name in WEIGHTS]
    first: Epoch | None = None
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

        losses = epoch()
        running = [np.array(made.steps[BATCH].values()[name]) for name in RUNNING]
        if first:
            first.compare(f"the {engine} engine", losses, running)
        first = first or Epoch(losses, running, start)
        table.add(f"graphrun, {engine}", median(epoch) / len(data))
    assert first is not None
    return first


def torch_eager(table: Table, data: Data, ours: Epoch) -> None:
    import torch
    from torch import nn

    w = [torch.tensor(v, requires_grad=True) for v in ours.start]
    running = [torch.full((n,), float(k), dtype=torch.float64) for n in SIZES[1:3] for k in (0, 1)]
    optimizer = torch.optim.Adam(w, lr=RATE)
    fed = [(torch.tensor(x), torch.tensor(label)) for x, label in data]

    def layer(x: torch.Tensor, k: int) -> torch.Tensor:
        z = x @ w[4 * k] + w[4 * k + 1]
        mean, var = running[2 * k : 2 * k + 2]
        return torch.relu(nn.functional.batch_norm(z, mean, var, w[4 * k + 2], w[4 * k + 3], training=True, momentum=MOMENTUM, eps=EPS))

    def epoch() -> list[float]:
        found = []
        for x, label in fed:
            loss = nn.functional.cross_entropy(layer(layer(x, 0), 1) @ w[8] + w[9], label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    losses = epoch()
    ours.compare("PyTorch", losses, [v.numpy().copy() for v in running])
    table.add("PyTorch eager", median(epoch) / len(data))


def jax_jit(table: Table, data: Data, ours: Epoch) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def layer(x, weight, bias, scale, shift, running):  # type: ignore[no-untyped-def]
        z = x @ weight + bias
        mean, var = z.mean(0), z.var(0)
        new = [(1 - MOMENTUM) * running[0] + MOMENTUM * mean, (1 - MOMENTUM) * running[1] + MOMENTUM * var * len(x) / (len(x) - 1)]
        return jax.nn.relu((z - mean) / jnp.sqrt(var + EPS) * scale + shift), new

    def loss(w, running, x, label):  # type: ignore[no-untyped-def]
        h, first = layer(x, *w[:4], running[:2])
        h, second = layer(h, *w[4:8], running[2:])
        return -jnp.take_along_axis(jax.nn.log_softmax(h @ w[8] + w[9]), label[:, None], 1).mean(), first + second

    @jax.jit
    def step(state, x, label):  # type: ignore[no-untyped-def]
        w, m, v, t, running = state
        (value, running), g = jax.value_and_grad(loss, has_aux=True)(w, running, x, label)
        t = t + 1
        m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
        scale = [(a / (1 - 0.9**t), b / (1 - 0.999**t)) for a, b in zip(m, v, strict=True)]
        return value, ([p - RATE * a / (jnp.sqrt(b) + 1e-8) for p, (a, b) in zip(w, scale, strict=True)], m, v, t, running)

    w = [jnp.asarray(v) for v in ours.start]
    running = [jnp.full(n, float(k)) for n in SIZES[1:3] for k in (0, 1)]
    state = (w, [jnp.zeros_like(v) for v in w], [jnp.zeros_like(v) for v in w], jnp.asarray(0.0), running)

    def epoch() -> list[float]:
        nonlocal state
        found = []
        for x, label in data:
            value, state = step(state, x, label)
            found.append(float(value))
        return found

    losses = epoch()
    ours.compare("JAX", losses, [np.asarray(v) for v in state[4]])
    table.add("jax.jit, a call a step", median(epoch) / len(data))


def main() -> None:
    """Prints the table: seconds of a training step, the mean over an epoch with its ragged last batch."""
    table, data = Table(), batches()
    found = ours(table, data)
    print(f"  peak memory {peak():.0f} MB")
    if installed("torch"):
        torch_eager(table, data, found)
    if installed("jax"):
        jax_jit(table, data, found)


if __name__ == "__main__":
    main()
