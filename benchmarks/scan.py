"""What a position of a `scan` costs backward: 1,024 positions beside 256; h = tanh(x_t W + h U + b), batches of 16, in float64."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphrun as gr
from benchmarks.common import agree, compiled, installed, time_text

SHORT, LONG = 256, 1024
FEATURES, UNITS, BATCH, REPEATS = 8, 16, 16, 15
ALLOWED = 1.5
SPEC = """\
graphrun: 1
name: scan
inputs:
  x: {{shape: [batch, {length}, {features}]}}
params:
  W: {{shape: [{features}, {units}], init: glorot_uniform()}}
  U: {{shape: [{units}, {units}], init: glorot_uniform()}}
  b: {{shape: [{units}], init: 0}}
functions:
  cell(h, x_t): tanh(x_t @ W + h @ U + b)
nodes:
  h: scan(x, cell, zeros([batch, {units}]), axis=1)
  J: mean(h^2) + mean(h[:, -1])
loss: J
train: {{optimizer: sgd(lr=0.01), steps: 100{frozen}}}
"""
FROZEN = ", per_parameter: {'*': {frozen: true}}"
NAMES = ("W", "U", "b")


def feeds(length: int) -> np.ndarray:
    """One batch."""
    return np.random.default_rng(0).normal(size=(BATCH, length, FEATURES))


def least_of(calls: dict[Any, Callable[[], object]]) -> dict[Any, float]:
    """Seconds of each call, the least of rounds in which they take turns: what else the machine does only adds."""
    took: dict[Any, list[float]] = {key: [] for key in calls}
    for _ in range(REPEATS):
        for key, call in calls.items():
            began = time.perf_counter()
            call()
            took[key].append(time.perf_counter() - began)
    return {key: min(times) for key, times in took.items()}


def told(who: str, took: dict[Any, float]) -> float:
    """Prints both costs of a position, backward, and gives their ratio."""
    each = {n: (took[n, "both"] - took[n, "forward"]) / n for n in (SHORT, LONG)}
    ratio = each[LONG] / each[SHORT]
    print(f"  {who:22} {time_text(each[SHORT]):>9} of {SHORT:,} {time_text(each[LONG]):>9} of {LONG:,} {ratio:7.2f} x", flush=True)
    return ratio


def ours(engine: str) -> tuple[float, dict[int, tuple[float, list[np.ndarray]]]]:
    """The ratio; and for each length the first loss with the parameters that it was computed at."""
    calls: dict[Any, Callable[[], object]] = {}
    first = {}
    for n in (SHORT, LONG):
        fed = {"x": feeds(n)}
        for kind in ("forward", "both"):
            text = SPEC.format(length=n, features=FEATURES, units=UNITS, frozen=FROZEN if kind == "forward" else "")
            model = gr.loads(text)
            step = compiled(model, ("x",), (BATCH,), engine).steps[BATCH]
            first[n] = (float(step.run(fed, 0, 1)[0]), [model.params[name] for name in NAMES])
            calls[n, kind] = lambda step=step, fed=fed: step.run(fed, 0, 1)  # type: ignore[misc]
    return told(f"graphrun, {engine}", least_of(calls)), first


def torch_eager(first: dict[int, tuple[float, list[np.ndarray]]]) -> None:
    import torch

    calls: dict[Any, Callable[[], object]] = {}
    for n in (SHORT, LONG):
        loss, start = first[n]
        w, u, b = (torch.tensor(v, requires_grad=True) for v in start)
        x = torch.tensor(feeds(n))

        def forward(x=x, w=w, u=u, b=b, n=n) -> torch.Tensor:  # type: ignore[no-untyped-def]
            h, carries = torch.zeros(BATCH, UNITS, dtype=torch.float64), []
            for t in range(n):
                h = torch.tanh(x[:, t] @ w + h @ u + b)
                carries.append(h)
            return (torch.stack(carries, 1) ** 2).mean() + h.mean()

        def both(forward=forward, w=w, u=u, b=b) -> object:  # type: ignore[no-untyped-def]
            return torch.autograd.grad(forward(), (w, u, b))

        agree(f"PyTorch, {n:,} positions,", [float(forward())], [loss])
        calls[n, "forward"], calls[n, "both"] = forward, both
    told("PyTorch eager", least_of(calls))


def main() -> None:
    """Prints what a position costs in the backward pass, at both lengths, and the ratio."""
    ratio, first = ours("python")
    print(f"  {'at most' if ratio <= ALLOWED else 'MORE than'} {ALLOWED} x")
    ours("reference")
    if installed("torch"):
        torch_eager(first)


if __name__ == "__main__":
    main()
