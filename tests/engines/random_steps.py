"""Random steps over the operations of the registry, for comparing engines."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from graphrun.engines.base import Slot, Step
from graphrun.ir.builder import Builder
from graphrun.ir.types import OpFault, is_real
from graphrun.ops.registry import FAMILIES, OPS

SKIPPED = {op.name for family in ("indexing", "values", "random values") for op in FAMILIES[family]} | {"argmax", "argmin"}
SHAPES: tuple[tuple[int, ...], ...] = ((), (), (), (3,), (2, 3), (3, 2), (1, 3), (2, 1), (2, 2, 3), (3, 2, 2), (1, 2, 2, 3), (2, 2, 1, 2))
NAMES = sorted(set(OPS) - SKIPPED)
MILD = ("add", "sub", "mul", "tanh", "sin", "sum", "mean", "matmul", "reshape", "unpack", "pack", "concat", "stack", "slice", "relu",
        "where", "broadcast_to", "sum_to", "swap_last", "transpose", "less", "maximum", "sigmoid", "unslice", "identity")  # fmt: skip
TRIES = 12


def random_step(rng: Random, nodes: int = 25, wild: bool = True, dtype: Any = "float64") -> tuple[Step, dict[str, Any], dict[str, Any]]:
    """A step with slots, feeds and outputs, the slots' first values, and feeds."""
    b = Builder()
    values: dict[str, Any] = {}
    feeds: dict[str, Any] = {}
    data = np.random.default_rng(rng.randrange(2**31))
    slots = []
    for k in range(rng.randint(1, 4)):
        shape = rng.choice(SHAPES)
        slots.append(b.param(f"w{k}", shape, dtype))
        values[f"w{k}"] = data.uniform(-1.5, 1.5, shape).astype(dtype)
    fed = {}
    for k in range(rng.randint(0, 3)):
        shape = rng.choice(SHAPES)
        fed[f"x{k}"] = b.input(f"x{k}", shape, dtype)
        feeds[f"x{k}"] = data.uniform(-1.5, 1.5, shape).astype(dtype)
    counter = b.input("step", (), dtype) if rng.random() < 0.5 else None
    for _ in range(2):
        b.const(round(rng.uniform(-2, 2), 2), dtype)
    b.const(tuple(float(v) for v in data.integers(-2, 3, 3)), dtype, (3,))
    for _ in range(nodes):
        _grow(b, rng, wild)
    step = _finished(b, rng, slots, fed, counter)
    return step, values, feeds


def _grow(b: Builder, rng: Random, wild: bool) -> None:
    """Adds a node of a random operation whose operands fit, if one is found."""
    for _ in range(TRIES):
        op = OPS[rng.choice(NAMES if wild and rng.random() < 0.5 else MILD)]
        attrs = dict(rng.choice(op.cases).attrs) if op.cases else {}
        count = rng.randint(1, 4) if op.variadic else len(op.arrays)
        recent = len(b) - 1 - int(rng.random() ** 2 * len(b))
        inputs = [max(recent, 0), *(rng.randrange(len(b)) for _ in range(count - 1))][:count]
        rng.shuffle(inputs)
        if op.name == "where":
            inputs[0] = rng.choice([i for i in range(len(b)) if b.dtype(i) == "bool"] or inputs)
        if op.name.startswith("conv"):  # an image and a kernel: by rank, or they would hardly ever meet
            n = 1 if "1d" in op.name else 2
            images = [i for i in range(len(b)) if len(b.shape(i)) in (n + 1, n + 2)]
            kernels = [i for i in images if len(b.shape(i)) == n + 2]
            if not kernels:
                continue
            inputs, attrs = [rng.choice(images), rng.choice(kernels)], rng.choice([{}, {"padding": 1}, {"stride": 2, "padding": 1}])
        if op.name == "unpack" and len(b.shape(inputs[0])) == 1:
            attrs = {"start": rng.randrange(3), "shape": ()}
        try:
            op(b, *inputs, **attrs)
        except (OpFault, AttributeError, IndexError, TypeError):
            continue
        if np.prod(b.shape(len(b) - 1), dtype=int) <= 64:
            return
        b.truncate(len(b) - 1)


def _finished(b: Builder, rng: Random, slots: list[int], fed: dict[str, int], counter: int | None) -> Step:
    dtype = b.dtype(slots[0])
    real = [i for i in range(len(b)) if is_real(b.dtype(i))]
    parts = [OPS["mean"](b, OPS["tanh"](b, i)) if b.shape(i) else i for i in real[-4:]]
    total = parts[0]
    for i in parts[1:]:
        total = OPS["add"](b, total, i)
    loss = OPS["cast"](b, total, dtype=dtype) if b.dtype(total) != dtype else total
    out = []
    for k, i in enumerate(slots):
        fits = [j for j in range(len(b)) if b.type(j) == b.type(i)]
        kind = rng.random()
        update: int | None = rng.choice(fits)
        if kind < 0.5:
            update = OPS["sub"](b, i, OPS["mul"](b, b.const(0.125, dtype), rng.choice(fits)))
        elif kind < 0.6:
            update = None
        out.append(Slot(f"w{k}", i, update))
    outputs = {f"o{k}": rng.randrange(len(b)) for k in range(rng.randint(0, 3))}
    return Step(b.graph, loss, tuple(out), fed, counter, outputs)
