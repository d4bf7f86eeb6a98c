"""A net of single neurons: 10,000 nodes and 100,000 weights, each a number of its own, written as YAML.

`python -m benchmarks.scalars FILE` only writes the spec.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphrun as gr
from benchmarks.common import Table, agree, installed, median, once, peak
from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.passes.pipeline import optimize

LAYERS = (89, *(100,) * 99, 10, 1)  # 10,000 neurons of ten weights each; the last one is the loss
INPUTS = 10
TARGET = 0.5
SECONDS, MEGABYTES = 8.0, 500.0  # from disk to the first gradient


def neurons() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(name, ten pairs of weight and operand) for each neuron; every neuron is read by the next layer."""
    before = [f"x{k}" for k in range(INPUTS)]
    for layer, size in enumerate(LAYERS):
        names = [f"n{layer}_{k}" for k in range(size)] if size > 1 else ["J"]
        stride = max(1, len(before) // size)
        for k, name in enumerate(names):
            yield name, [(f"w{layer}_{k}_{i}", before[(k * stride + i) % len(before)]) for i in range(10)]
        before = names


def weights() -> dict[str, float]:
    """The first value of each weight."""
    drawn = np.random.default_rng(0)
    return {w: float(v) for (_, pairs) in neurons() for (w, _), v in zip(pairs, drawn.normal(0, 0.3, 10).round(6), strict=True)}


def inputs() -> dict[str, float]:
    """The value of each input."""
    return {f"x{k}": round(0.1 * (k - 4.5), 3) for k in range(INPUTS)}


def spec() -> str:
    """The spec as YAML."""
    lines = ["graphrun: 1", "name: scalars", "inputs:"]
    lines += [f"  {name}: {value}" for name, value in inputs().items()]
    lines += ["params:", *(f"  {name}: {value}" for name, value in weights().items()), "nodes:"]
    for name, pairs in neurons():
        total = " + ".join(f"{w} * {x}" for w, x in pairs)
        lines.append(f"  {name}: 1/2 * ({total} - {TARGET})^2" if name == "J" else f"  {name}: tanh({total})")
    return "\n".join([*lines, "loss: J", "train: {optimizer: sgd(lr=0.01), steps: 10}", ""])


def whole_way(path: Path) -> dict[str, float]:
    """From disk to the first gradient, against the budget; the gradient of each weight."""
    base = peak()
    began = time.perf_counter()
    model = gr.load(path)
    loaded = time.perf_counter() - began
    gradients = model.grad()
    took = time.perf_counter() - began
    mb = peak()
    nodes = len(model.built.graph)
    each = f"{loaded / nodes * 1e6:.1f} µs and {(mb - base) * 1e6 / nodes:.0f} bytes a node"
    print(f"  {nodes:,} nodes loaded in {loaded:.2f} s, first gradient after {took:.2f} s ({each}), peak {mb:.0f} MB")
    for what, found, limit, unit in (("time", took, SECONDS, "s"), ("memory", mb, MEGABYTES, "MB")):
        print(f"  {what}: {'held' if found <= limit else 'MISSED'}, at most {limit:g} {unit} are wanted")
    n, p = model.built.work
    right = (n, p) == (10_000, 100_000)
    print(f"  work: backward {n + p:,} steps, one derivative at a time {n * p:,}{'' if right else ': WRONG'}")
    return {name: float(gradients[name]) for name in model.built.params}


def again(path: Path) -> float:
    """Seconds of a gradient once the graph is there: forward and backward, by the engine that `auto` takes for so many steps."""
    model = gr.load(path)
    built = model.built
    params = {name: p.node for name, p in built.params.items() if p.node is not None}
    both, gradients = backward(built.graph, built.loss, params.values())
    keep = [built.loss, *(gradients[i] for i in params.values()), *params.values(), *(i.node for i in built.inputs.values())]
    seconds, (lean, new) = once(lambda: optimize(both, keep))
    print(f"  {len(both):,} nodes with the backward pass, {len(lean):,} after simplifying in {seconds:.2f} s")
    values = model.params
    fed: dict[int, Any] = {new[i]: values[name] for name, i in params.items()}
    fed |= {new[i.node]: inputs()[name] for name, i in built.inputs.items()}
    return median(lambda: evaluate(lean, fed), repeats=3)


def micrograd(table: Table, gradients: dict[str, float]) -> None:
    from micrograd.engine import Value

    def gradient() -> dict[str, float]:
        values = {name: Value(v) for name, v in (weights() | inputs()).items()}
        for name, pairs in neurons():
            total = sum((values[w] * values[x] for w, x in pairs), Value(0.0))
            values[name] = 0.5 * (total - TARGET) ** 2 if name == "J" else total.tanh()
        values["J"].backward()
        return {name: values[name].grad for name in gradients}

    if not hasattr(Value, "tanh"):
        Value.tanh = _micrograd_tanh
    sys.setrecursionlimit(1_000_000)
    threading.stack_size(512 * 1024 * 1024)  # its topological sort is recursive
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(once(gradient)))
    thread.start()
    thread.join()
    seconds, found = result[0]
    agree("micrograd", [found[n] for n in gradients], list(gradients.values()))
    table.add("micrograd", seconds)


def _micrograd_tanh(self: Any) -> Any:
    from math import tanh

    from micrograd.engine import Value

    out = Value(tanh(self.data), (self,), "tanh")

    def hand_back() -> None:
        self.grad += (1 - out.data**2) * out.grad

    out._backward = hand_back
    return out


def torch_scalars(table: Table, gradients: dict[str, float]) -> None:
    import torch

    def gradient() -> dict[str, float]:
        values: dict[str, Any] = {n: torch.tensor(v, dtype=torch.float64) for n, v in inputs().items()}
        values |= {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in weights().items()}
        for name, pairs in neurons():
            total = sum(values[w] * values[x] for w, x in pairs)
            values[name] = 0.5 * (total - TARGET) ** 2 if name == "J" else torch.tanh(total)
        values["J"].backward()
        return {n: float(values[n].grad) for n in gradients}

    seconds, found = once(gradient)
    agree("PyTorch", [found[n] for n in gradients], list(gradients.values()))
    table.add("PyTorch, a tensor a number", seconds)


def main() -> None:
    """Prints the budget and the table."""
    if len(sys.argv) > 1 and sys.argv[0].endswith("scalars.py"):
        Path(sys.argv[1]).write_text(spec(), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scalars.yaml")
        path.write_text(spec(), encoding="utf-8")
        gradients = whole_way(path)
        table = Table()
        table.add("graphrun, a gradient", again(path))
    if installed("micrograd"):
        micrograd(table, gradients)
    if installed("torch"):
        torch_scalars(table, gradients)
    print("  JAX is left out: it does not compile a tenth of this in minutes")


if __name__ == "__main__":
    main()
