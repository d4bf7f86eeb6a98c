"""What a node costs: multiply-adds and memory, from its operation and shapes. Sizes may hold symbolic dimensions (`batch`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graphrun.ir.graph import Graph
from graphrun.ir.types import Dim, DType, Sym, size

__all__ = ["Cost", "cost_text", "node_cost", "total_cost"]

BYTES: dict[DType, int] = {"float64": 8, "float32": 4, "int64": 8, "bool": 1}

FREE = frozenset({
    "input", "param", "state", "const", "dimension", "identity", "stop_gradient", "cast", "reshape", "flatten", "expand_dims", "squeeze",
    "transpose", "swap_last", "broadcast_to", "slice", "unslice", "flip", "concat", "stack", "roll", "tile", "pad", "gather",
    "take_along", "zeros", "ones", "full", "eye", "arange", "linspace", "diagonal", "tril", "triu", "pack", "unpack", "one_hot",
})  # fmt: skip
"""Operations that move numbers and compute none."""

OVER_OPERAND = frozenset({
    "sum", "mean", "prod", "var", "std", "max", "min", "logsumexp", "norm", "argmax", "argmin", "any", "all", "trace", "sum_to",
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "scatter_add", "put_along", "scatter_rows",
})  # fmt: skip
"""Operations that visit each entry of their first operand once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`multiply_adds` counts a multiplication with its addition, or one result of any other function, as one; `memory` is the bytes of
    the values that are kept."""

    multiply_adds: Dim = 0
    memory: Dim = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.multiply_adds + other.multiply_adds, self.memory + other.memory)


def node_cost(graph: Graph, i: int) -> Cost:
    """The cost of computing node i once."""
    name, shape = graph.op(i).name, graph.shape(i)
    entries = size(shape)
    memory = entries * BYTES[graph.dtype(i)]
    inputs = graph.inputs(i)
    if name in FREE:
        return Cost(0, memory)
    if name == "matmul":
        return Cost(entries * (graph.shape(inputs[0])[-1]), memory)
    if name == "dot":
        return Cost(size(graph.shape(inputs[0])), memory)
    if name in ("conv1d", "conv2d"):
        return Cost(entries * size(graph.shape(inputs[1])[1:]), memory)  # of the kernel [out, in / groups, height, width]
    if name in ("conv_transpose1d", "conv_transpose2d"):
        return Cost(size(graph.shape(inputs[0])) * size(graph.shape(inputs[1])[1:]), memory)
    if name in ("conv1d_kernel", "conv2d_kernel"):
        out = size(graph.shape(inputs[1])) if len(inputs) > 1 else 1
        return Cost(out * size(shape[1:]), memory)
    if name in OVER_OPERAND and inputs:
        return Cost(size(graph.shape(inputs[0])), memory)
    return Cost(entries, memory)


def total_cost(graph: Graph, nodes: Iterable[int]) -> Cost:
    """The cost of computing all of `nodes` once."""
    out = Cost()
    for i in nodes:
        out = out + node_cost(graph, i)
    return out


def cost_text(cost: Cost) -> tuple[str, str]:
    """Multiply-adds and memory as a person reads them: (`5,120 · batch`, `1.3 kB · batch`)."""
    return _terms(cost.multiply_adds, _short), _terms(cost.memory, _in_bytes)


def _terms(n: Dim, write: Callable[[int], str]) -> str:
    """A size as text, term by term where it is symbolic."""
    if not isinstance(n, Sym):
        return write(n)
    return " + ".join(" · ".join([write(k), *names]) for names, k in n.terms)


def _short(n: int) -> str:
    if n < 100_000:
        return f"{n:,}"
    return _scaled(n, ("", "thousand", "million", "billion", "trillion"))


def _in_bytes(n: int) -> str:
    return f"{n:,} B" if n < 1000 else _scaled(n, ("B", "kB", "MB", "GB", "TB", "PB"))


def _scaled(n: int, units: tuple[str, ...]) -> str:
    power = min(int(math.log(n, 1000) + 1e-9), len(units) - 1)
    value = n / 1000**power
    return f"{value:.3g} {units[power]}" if value < 999.5 else f"{value:.0f} {units[power]}"
