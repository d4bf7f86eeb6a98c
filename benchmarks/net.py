"""The 2-2-1 net: one training step (forward, backward, sgd) on four rows, in float64."""

from __future__ import annotations

import numpy as np

import graphrun as gr
from benchmarks.common import Table, agree, compiled, installed, median, once, peak, time_text

SPEC = """\
graphrun: 1
name: net
inputs: {x1: {}, x2: {}, y: {}}
params: {w1: 1, w2: 2, w3: -1, w4: 1, w5: 2, w6: -3}
nodes:
  u1: w1 * x1 + w2 * x2
  u2: w3 * x1 + w4 * x2
  u3: w5 * u1 + w6 * u2
  L: 1/2 * (u3 - y)^2
loss: L
train: {optimizer: sgd(lr=0.02), steps: 100}
"""
ROWS = np.array([[1.0, 2, 5], [2, -1, 5], [0, 1, 1], [-1, 1, -2]])
START = [1.0, 2.0, -1.0, 1.0, 2.0, -3.0]
RATE = 0.02
CHECKED = 30
STEPS = 20_000


def ours(table: Table) -> list[float]:
    """Both ways to map the rows, through the engine; and the whole of `Model.train`."""
    model = gr.loads(SPEC)
    feeds = {"x1": ROWS[:, 0], "x2": ROWS[:, 1], "y": ROWS[:, 2]}
    losses: list[float] = []
    for rows_as in ("unrolled", "arrays"):
        made = compiled(model, ("x1", "x2", "y"), (4,), "python", rows_as)
        step = made.steps[4]
        found = step.run(feeds, 0, CHECKED)
        if losses:
            agree(f"rows as {rows_as}", found, losses)
        losses = losses or found
        made.load()
        table.add(f"graphrun, {rows_as}", median(lambda s=step: s.run(feeds, 0, 1000)) / 1000)
    return losses


def history() -> None:
    """What lines of history cost: the steps between them nothing, a line itself two steps whose updates are thrown away."""
    data = f"data: {{columns: [x1, x2, y], rows: {ROWS.tolist()}}}\nloss: L"
    text = SPEC.replace("loss: L", data).replace("steps: 100", f"steps: {STEPS}")
    found = []
    for every, health in ((STEPS, False), (STEPS, True), (100, True), (100, False)):
        model = gr.loads(text, set={"train.log": f"{{every: {every}, health: {str(health).lower()}}}"})
        runs = [once(model.train) for _ in range(5)]
        took, run = min(runs, key=lambda one: one[1].run.seconds)
        found.append(run.params)
        each, lines = run.run.seconds / STEPS, len(run.history.lines)
        said = "with" if health else "without"
        print(f"  {lines:4} lines {said} health: a step {time_text(each)}, the whole run of {STEPS:,} {time_text(took)}", flush=True)
    if any(run != found[0] for run in found):
        raise SystemExit("  the parameters depend on the lines of history")


def micrograd(table: Table, losses: list[float]) -> None:
    from micrograd.engine import Value

    def step(w: list[Value]) -> float:
        total = Value(0.0)
        for x1, x2, y in ROWS.tolist():
            u1, u2 = w[0] * x1 + w[1] * x2, w[2] * x1 + w[3] * x2
            d = w[4] * u1 + w[5] * u2 - y
            total = total + 0.5 * d * d
        total = total * 0.25
        for p in w:
            p.grad = 0
        total.backward()
        for p in w:
            p.data -= RATE * p.grad
        return float(total.data)

    w = [Value(v) for v in START]
    agree("micrograd", [step(w) for _ in range(CHECKED)], losses)
    table.add("micrograd", median(lambda: step(w)))


def torch_eager(table: Table, losses: list[float]) -> None:
    import torch

    x1, x2, y = (torch.tensor(ROWS[:, k]) for k in range(3))

    def step(w: list[torch.Tensor]) -> float:
        u1, u2 = w[0] * x1 + w[1] * x2, w[2] * x1 + w[3] * x2
        loss = (0.5 * (w[4] * u1 + w[5] * u2 - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, w)
        with torch.no_grad():
            for p, g in zip(w, gradients, strict=True):
                p.sub_(g, alpha=RATE)
        return float(loss)

    w = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in START]
    agree("PyTorch", [step(w) for _ in range(CHECKED)], losses)
    table.add("PyTorch eager", median(lambda: step(w)))


def jax_jit(table: Table, losses: list[float]) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    x1, x2, y = ROWS[:, 0], ROWS[:, 1], ROWS[:, 2]

    def loss(w):  # type: ignore[no-untyped-def]
        u1, u2 = w[0] * x1 + w[1] * x2, w[2] * x1 + w[3] * x2
        return (0.5 * (w[4] * u1 + w[5] * u2 - y) ** 2).mean()

    @jax.jit
    def step(w):  # type: ignore[no-untyped-def]
        value, g = jax.value_and_grad(loss)(w)
        return value, [p - RATE * d for p, d in zip(w, g, strict=True)]

    w = [jax.numpy.asarray(v) for v in START]
    found = []
    for _ in range(CHECKED):
        value, w = step(w)
        found.append(float(value))
    agree("JAX", found, losses)
    table.add("jax.jit, a call a step", median(lambda: jax.block_until_ready(step(w))))


def main() -> None:
    """Prints the table, and whether the step is 50 times as fast as PyTorch's."""
    table = Table()
    losses = ours(table)
    history()
    print(f"  peak memory {peak():.0f} MB")
    if installed("micrograd"):
        micrograd(table, losses)
    if installed("torch"):
        torch_eager(table, losses)
        ratio = table.rows[-1][1] / table.rows[0][1]
        print(f"  {ratio:.0f} times as fast as PyTorch eager ({'at least 50: held' if ratio >= 50 else 'MISSED: 50 is wanted'})")
    if installed("jax"):
        jax_jit(table, losses)


if __name__ == "__main__":
    main()
