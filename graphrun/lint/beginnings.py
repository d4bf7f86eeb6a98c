"""Initial values from which training cannot begin: dead units, units that stay equal, units that saturate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from graphrun.build.values import FunctionValue, Param, is_number, to_float
from graphrun.errors import Diagnostic
from graphrun.ir.graph import Graph
from graphrun.ir.types import Sym
from graphrun.lint.look import Look, constant_init, passes_on, warning

__all__ = ["dead_relu", "saturated", "symmetric"]

_PRODUCTS = frozenset({"mul", "matmul", "dot", "outer", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"})
_SAME_VALUE = frozenset(
    ["identity", "reshape", "flatten", "squeeze", "expand_dims", "transpose", "swap_last", "slice", "broadcast_to", "mean", "max_pool2d"]
)  # fmt: skip
_ZERO_KEPT = frozenset({"tanh", "sin", "sum", "avg_pool1d", "avg_pool2d", "softsign", "hard_tanh", "gelu", "silu"})
_DEAD_AT_ZERO = frozenset({"relu", "relu6"})
_SQUASHING = frozenset({"sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign"})
LARGEST = 10.0
"""Beyond this `sigmoid` and `tanh` are flat: their derivatives are below 1e-4."""


def dead_relu(look: Look) -> Iterator[Diagnostic]:
    """A `relu` of what is zero whatever is fed: its derivative at zero is zero, so that nothing before it is ever trained."""
    graph = look.stepped.graph
    begins: list[float | None] = [None] * len(graph)  # the one value that all elements begin with, whatever is fed
    trained = bytearray(len(graph))
    for i in range(len(graph)):
        param, inputs, op = look.params.get(i), graph.inputs(i), graph.op(i).name
        if param is not None:
            trained[i], begins[i] = param.trainable, constant_init(param.init) if param.shape else None
        elif inputs:
            trained[i] = any(trained[j] for j in inputs)
            begins[i] = _begins(op, [begins[j] for j in inputs])
            value = begins[i] if op in _DEAD_AT_ZERO else None
            if value is None or not trained[i]:
                continue
            if begins[inputs[0]] == 0 or begins[inputs[0]] != value:  # relu(x) = x means that it is not cut off
                where = "at zero" if begins[inputs[0]] == 0 else "below zero"
                message = f"all that `{op}` is taken of begins {where}, where its derivative is zero: the parameters before it never move"
                mend = "begin the weights with `he_normal()`"
                yield from warning("dead-relu", message, look.call_place(graph, i), mend, _beginning(look, i, graph))
            begins[i] = None


def _begins(op: str, values: list[float | None]) -> float | None:
    """What an operation makes of values that are known, or None: sums, products with zero, and what keeps zero zero."""
    if op in _PRODUCTS:
        zero = 0.0 in values[:2]
        return None if not zero else 0.0 if len(values) < 3 else values[2]
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    if op in ("add", "sub", "neg"):
        return known[0] + known[1] if op == "add" else known[0] - known[1] if op == "sub" else -known[0]
    if op in _DEAD_AT_ZERO:
        return max(known[0], 0.0)
    if op in _SAME_VALUE:
        return known[0]
    return 0.0 if op in _ZERO_KEPT and known[0] == 0 else None


def _beginning(look: Look, i: int, graph: Graph) -> tuple[str, ...]:
    below = graph.ancestors([i])
    return tuple(f"`{p.name}` begins at 0, line {p.place.line}" for n, p in look.params.items() if below[n] and constant_init(p.init) == 0)


def symmetric(look: Look) -> Iterator[Diagnostic]:
    """Units of a layer that begin equal, and whose gradients are equal as what is made of them is symmetric too."""
    graph = look.stepped.graph
    equal: list[int | None] = [None] * len(graph)  # the weight because of which all entries along the last axis are equal, at first
    even = bytearray(len(graph))  # equal along the last axis for want of anything that differs: biases, numbers
    for i in range(len(graph)):
        param, inputs, op = look.params.get(i), graph.inputs(i), graph.op(i)
        shape = graph.shape(i)
        if param is not None:
            even[i] = constant_init(param.init) is not None
        elif not inputs:
            even[i] = not shape
        elif op.name == "matmul":
            weight = look.params.get(inputs[1])
            constant = weight is not None and constant_init(weight.init) is not None
            source = equal[inputs[0]]
            if source is not None and constant:
                yield from _tell_symmetric(look, source)
                equal[inputs[0]] = None
            if constant and weight is not None and weight.trainable and len(weight.shape) == 2 and weight.shape[1] > 1:
                equal[i] = inputs[1]
        elif op.elementwise or op.name in ("identity", "dropout"):
            marks = [equal[j] for j in inputs]
            rest = all(m is not None or even[j] or graph.shape(j)[-1:] in ((), (1,)) for j, m in zip(inputs, marks, strict=True))
            even[i] = all(even[j] for j in inputs)
            equal[i] = next((m for m in marks if m is not None), None) if rest else None
        elif op.name in ("sum", "mean") and graph.attrs(i).get("axis") in (-1, len(graph.shape(inputs[0])) - 1):
            source = equal[inputs[0]]
            if source is not None and graph.op(passes_on(graph, inputs[0])).name != "matmul":
                yield from _tell_symmetric(look, source)


def _tell_symmetric(look: Look, node: int) -> Iterator[Diagnostic]:
    param = look.params[node]
    message = f"the {param.shape[1]} units that `{param.name}` makes begin equal and stay equal: they learn as one"
    yield from warning("symmetric-initialization", message, look.param_place(param), "begin with random values: `init: glorot_uniform()`")


def saturated(look: Look) -> Iterator[Diagnostic]:
    """Weights and biases so large that `sigmoid` or `tanh` begin where they are flat."""
    graph = look.stepped.graph
    told: set[int] = set()
    for i in range(len(graph)):
        if graph.op(i).name not in _SQUASHING:
            continue
        for node, fan in _entering(graph, i, look):
            param = look.params[node]
            spread = _spread(param, fan)
            if spread is not None and spread > LARGEST and node not in told:
                told.add(node)
                message = (
                    f"`{param.name}` begins so large that `{graph.op(i).name}` is taken of values around ±{spread:.3g}, where it is flat"
                )
                mend = "begin smaller: `init: glorot_uniform()`" if len(param.shape) > 1 else "begin with 0"
                yield from warning("saturated-initialization", message, look.param_place(param), mend)


def _entering(graph: Graph, i: int, look: Look) -> Iterator[tuple[int, int]]:
    """The parameters whose products and sums `i` is taken of, each with how many of its elements are added up."""
    stack = [graph.inputs(i)[0]]
    while stack:
        j = passes_on(graph, stack.pop())
        op = graph.op(j).name
        if j in look.params:
            yield j, 1
        elif op in ("add", "sub"):
            stack.extend(graph.inputs(j))
        elif op == "matmul" and graph.inputs(j)[1] in look.params:
            inner = graph.shape(graph.inputs(j)[1])[0]
            yield graph.inputs(j)[1], 1 if isinstance(inner, Sym) else inner


def _spread(param: Param, fan: int) -> float | None:
    """How far from zero a sum of `fan` elements begins, for inputs of size one; None where that is not known."""
    value = constant_init(param.init)
    if value is not None:
        return abs(value) if fan == 1 else abs(value) * math.sqrt(fan)
    init = param.init
    if not isinstance(init, FunctionValue):
        return None
    if init.name in ("normal", "truncated_normal"):
        mean, std = _given(init, 0, "mean", 0.0), _given(init, 1, "std", 1.0)
        width = None if mean is None or std is None else math.hypot(mean, std)
    elif init.name in ("glorot_normal", "glorot_uniform"):
        gain, sizes = _given(init, 0, "gain", 1.0), [d for d in param.shape[:2] if isinstance(d, int)]
        width = None if gain is None or len(sizes) != 2 else gain * math.sqrt(2 / sum(sizes))
    elif init.name == "uniform":
        low, high = _given(init, 0, "low", 0.0), _given(init, 1, "high", 1.0)
        width = None if low is None or high is None else max(abs(low), abs(high)) / math.sqrt(3)
    else:
        return None
    return None if width is None else abs(width) * math.sqrt(fan)


def _given(init: FunctionValue, at: int, name: str, default: float) -> float | None:
    value: Any = init.kwargs.get(name, init.args[at] if at < len(init.args) else default)
    return to_float(value) if is_number(value) else None
