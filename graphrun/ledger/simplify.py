"""Makes a derivative short enough to read: x·1 → x, x + 0 → x, -(-x) → x, numbers folded. For writing only: values come from the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST
from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import TensorType, is_real
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, SUB

__all__ = ["simplified"]


def _as_is_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(attrs["shape"], attrs["dtype"])


def _as_is_kernel(xp: Any, x: Any, *, shape: Any, dtype: Any) -> Any:
    x = xp.asarray(x, dtype=dtype)
    size = 1
    for d in shape:
        size *= d
    return xp.reshape(x, shape) if x.size == size else xp.broadcast_to(x, shape)


AS_IS = OpDef(
    "identity",
    "A value in another shape or dtype, written as it is: a reader spreads a number over an array without being told.",
    "x",
    ("x",),
    _as_is_type,
    _as_is_kernel,
    attrs=(Attr("shape", "shape"), Attr("dtype", "dtype")),
    public=False,
)

Rule = Callable[[Builder, list[int]], "int | None"]


def simplified(graph: Graph, leaves: Mapping[int, str], roots: Sequence[int]) -> tuple[Graph, dict[int, int]]:
    """The part of `graph` under `roots`, made short. `leaves` (node → name) become inputs. Returns it and a map from old to new nodes."""
    needed = _needed(graph, leaves, roots)
    b = Builder()
    new: dict[int, int] = {}
    for i in needed:
        kind = graph.type(i)
        if i in leaves:
            new[i] = b.input(leaves[i], kind.shape, kind.dtype)
        elif graph.op(i) is CONST:
            new[i] = b.const(graph.attrs(i)["value"], kind.dtype, kind.shape)
        else:
            new[i] = _fit(b, _rewritten(b, graph, i, [new[j] for j in graph.inputs(i)]), kind)
    return b.graph, new


def _needed(graph: Graph, leaves: Mapping[int, str], roots: Sequence[int]) -> list[int]:
    seen = set(roots) | set(leaves)
    stack = [i for i in roots if i not in leaves]
    while stack:
        for j in graph.inputs(stack.pop()):
            if j not in seen:
                seen.add(j)
                stack.append(j)
    return sorted(seen)


def _fit(b: Builder, i: int, kind: TensorType) -> int:
    return i if b.type(i) == kind else AS_IS(b, i, shape=kind.shape, dtype=kind.dtype)


def _rewritten(b: Builder, graph: Graph, i: int, inputs: list[int]) -> int:
    op = graph.op(i)
    numbers = [value_of(b, j) for j in inputs]
    if op.elementwise and inputs and is_real(graph.dtype(i)) and None not in numbers:
        value = _folded(op, numbers, graph.attrs(i))
        if op.name != "div" or float(f"{value:.6g}") == value or not all(x is not None and x.is_integer() for x in numbers):
            return b.const(value, graph.dtype(i))  # but 1 / 6 stays what it is
    if op.name == "expand_dims" and b.shape(bare(b, inputs[0])) == ():
        return inputs[0]  # a number stands for an array of it
    if op.name in _TRANSPARENT:
        spread = _is(b, inputs[0], "expand_dims") if op.name == "broadcast_to" else None
        return inputs[0] if spread is None else _fit(b, _operands(b, spread)[0], b.type(spread))
    if op.name == "swap_last" and (inner := _is(b, inputs[0], "swap_last")) is not None:
        return _operands(b, inner)[0]
    if op.name == "zeros" or (op.name == "full" and graph.attrs(i).get("value") == 0):
        return b.const(0.0, graph.dtype(i))
    rule = _RULES.get(op.name)
    short = rule(b, inputs) if rule is not None else None
    return short if short is not None else b.node(op, inputs, _plain_attrs(graph, i))


def _plain_attrs(graph: Graph, i: int) -> Attrs:
    """The attributes of node i; a reduction of all axes gives a number, whether it keeps them or not."""
    attrs = graph.attrs(i)
    if not attrs.get("keepdims") or any(d != 1 for d in graph.shape(i)):
        return attrs
    axis, rank = attrs.get("axis"), len(graph.shape(i))
    every = axis is None or axis == tuple(range(rank)) or (rank == 1 and axis == 0)
    return {**attrs, "keepdims": False} if every else attrs


def _folded(op: OpDef, numbers: Sequence[float | None], attrs: Mapping[str, Any]) -> float:
    with np.errstate(all="ignore"):
        return float(op.kernel(np, *[np.float64(x) for x in numbers if x is not None], **attrs))


def bare(b: Builder, i: int) -> int:
    """Node i without the changes of shape and dtype around it."""
    while b.graph.op(i) is AS_IS:
        i = b.graph.inputs(i)[0]
    return i


def value_of(b: Builder, i: int) -> float | None:
    """The number that node i is, or None."""
    i = bare(b, i)
    if b.graph.op(i) is not CONST or b.shape(i) != ():
        return None
    return float(b.graph.attrs(i)["value"])


def _is(b: Builder, i: int, name: str) -> int | None:
    """Node i without changes of shape, where its operation is `name`."""
    i = bare(b, i)
    return i if b.graph.op(i).name == name else None


def _operands(b: Builder, i: int) -> list[int]:
    return list(b.graph.inputs(i))


def _number(b: Builder, value: float, like: int) -> int:
    return b.const(value, b.dtype(like) if is_real(b.dtype(like)) else "float64")


def _mul(b: Builder, inputs: list[int]) -> int | None:
    x, y = inputs
    j, k = value_of(b, x), value_of(b, y)
    if k is not None and j is None:
        x, y, j, k = y, x, k, j
    if j == 0:
        return _number(b, 0.0, y)
    if j == 1:
        return y
    if j == -1:
        return short_neg(b, y)
    if j is not None and (inner := _is(b, y, "mul")) is not None:
        p, q = _operands(b, inner)
        if (other := value_of(b, p)) is not None:
            return _mul_or(b, _number(b, j * other, q), q)
    if j is not None and (inner := _is(b, y, "neg")) is not None:
        return _mul_or(b, _number(b, -j, y), _operands(b, inner)[0])
    if (inner := _is(b, x, "neg")) is not None:
        return short_neg(b, _mul_or(b, _operands(b, inner)[0], y))
    if (inner := _is(b, y, "neg")) is not None:
        return short_neg(b, _mul_or(b, x, _operands(b, inner)[0]))
    if (inner := _is(b, y, "div")) is not None:
        p, q = _operands(b, inner)
        if value_of(b, p) == 1:
            return DIV(b, x, q)
    if (inner := _is(b, y, "mul")) is not None and value_of(b, _operands(b, inner)[0]) is not None:
        p, q = _operands(b, inner)
        return MUL(b, p, _mul_or(b, x, q))
    return MUL(b, x, y)


def _mul_or(b: Builder, x: int, y: int) -> int:
    out = _mul(b, [x, y])
    return MUL(b, x, y) if out is None else out


def short_neg(b: Builder, x: int) -> int:
    """-x."""
    if (value := value_of(b, x)) is not None:
        return _number(b, -value, x)
    if (inner := _is(b, x, "neg")) is not None:
        return _operands(b, inner)[0]
    if (inner := _is(b, x, "sub")) is not None:
        p, q = _operands(b, inner)
        return SUB(b, q, p)
    if (inner := _is(b, x, "mul")) is not None:
        p, q = _operands(b, inner)
        if (value := value_of(b, p)) is not None:
            return MUL(b, _number(b, -value, q), q)
    return NEG(b, x)


def _neg(b: Builder, inputs: list[int]) -> int:
    return short_neg(b, inputs[0])


def _add(b: Builder, inputs: list[int]) -> int | None:
    x, y = inputs
    if value_of(b, x) == 0:
        return y
    if value_of(b, y) == 0:
        return x
    if bare(b, x) == bare(b, y):
        return _mul_or(b, _number(b, 2.0, x), x)
    if (inner := _is(b, y, "neg")) is not None:
        return SUB(b, x, _operands(b, inner)[0])
    return None


def _sub(b: Builder, inputs: list[int]) -> int | None:
    x, y = inputs
    if value_of(b, y) == 0:
        return x
    if value_of(b, x) == 0:
        return short_neg(b, y)
    if bare(b, x) == bare(b, y):
        return _number(b, 0.0, x)
    if (inner := _is(b, y, "neg")) is not None:
        return ADD(b, x, _operands(b, inner)[0])
    return None


def _div(b: Builder, inputs: list[int]) -> int | None:
    x, y = inputs
    if value_of(b, y) == 1:
        return x
    if value_of(b, x) == 0:
        return _number(b, 0.0, y)
    if (inner := _is(b, x, "neg")) is not None:
        return short_neg(b, DIV(b, _operands(b, inner)[0], y))
    if (inner := _is(b, x, "mul")) is not None and (under := value_of(b, y)):
        p, q = _operands(b, inner)
        if (over := value_of(b, p)) is not None and (over / under).is_integer():
            return _mul_or(b, _number(b, over / under, q), q)
    if (value := value_of(b, x)) is not None and value < 0:
        return short_neg(b, DIV(b, _number(b, -value, x), y))
    return None


def _power(b: Builder, inputs: list[int]) -> int | None:
    exponent = value_of(b, inputs[1])
    if exponent == 0:
        return _number(b, 1.0, inputs[0])
    return inputs[0] if exponent == 1 else None


def _where(b: Builder, inputs: list[int]) -> int | None:
    """where(c, x, 0) → x · c: a condition counts as 1 or 0."""
    condition, x, y = inputs
    if value_of(b, y) != 0:
        return None
    return condition if value_of(b, x) == 1 else _mul_or(b, x, condition)


_TRANSPARENT = frozenset({"broadcast_to", "cast", "identity"})
_RULES: dict[str, Rule] = {
    "mul": _mul,
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "div": _div,
    "power": _power,
    "where": _where,
}
