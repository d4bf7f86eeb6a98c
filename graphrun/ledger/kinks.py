"""Kinks: where an operation has two slopes, and which side of them a value is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.ir.formula import formula_text, number
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real
from graphrun.ledger.facts import Kink
from graphrun.ops.max_pool import places

__all__ = ["BENT", "bends", "branches", "kinks", "sides"]

Sides = Callable[[Sequence[Any], Mapping[str, Any], Any], Any]
"""(operands, attributes, result) -> for each element a whole number that says between which bends it lies, 0 on a bend."""


def _at(*bends: float) -> Sides:
    """Bends of an operation of one operand: below the first -1, between them or above 1, 2, …, on one of them 0."""

    def sides(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
        return _between(np.asarray(operands[0]), bends)

    return sides


def _between(x: Any, bends: Sequence[float]) -> Any:
    side = np.full(np.shape(x), -1)
    for k, bend in enumerate(bends):
        side = np.where(x > bend, k + 1, np.where(x == bend, 0, side))
    return side


def _bounds(low: str, high: str) -> Sides:
    def sides(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
        given = [attrs.get(name) for name in (low, high)]
        return _between(np.asarray(operands[0]), [float(bound) for bound in given if bound is not None])

    return sides


def _order(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    return np.sign(np.subtract(operands[0], operands[1], dtype="float64"))


def _first(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    return np.sign(np.asarray(operands[0], dtype="float64"))


def _ties(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    """Of an extreme over axes: 1 at the extreme, -1 elsewhere, 0 where it is shared."""
    x = np.asarray(operands[0])
    axis = attrs.get("axis")
    top = out if attrs.get("keepdims") or axis is None else np.expand_dims(out, axis)
    chosen = x == top
    many = np.sum(chosen, axis=axis, keepdims=True) > 1
    return np.where(chosen, np.where(many, 0, 1), -1)


def _norm(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    """A norm has a bend at 0; of order 1 or less in every element that is 0, of infinite order where several are the largest."""
    order = attrs.get("ord", 2.0)
    if abs(order) == np.inf:
        return _ties([np.abs(operands[0])], attrs, out)
    return _first(operands, attrs, out) if order <= 1 else np.where(np.asarray(out) == 0, 0, 1)


def _elu(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    x = np.asarray(operands[0])
    return np.ones(np.shape(x), dtype=int) if attrs.get("alpha") == 1 else _between(x, (0,))


def _whole(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    """Steps of one height: which step it is, 0 on the edge of one."""
    x = np.asarray(operands[0], dtype="float64")
    return np.where(x == np.round(x), 0, np.floor(x) * 2 + 1)


def _halves(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    return _whole([np.asarray(operands[0], dtype="float64") + 0.5], attrs, out)


def _period(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    return _whole([np.divide(operands[0], operands[1], dtype="float64")], attrs, out)


def _in_windows(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    return places(operands[0], out, **attrs)


def _order_along(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    """Of an order: where each element goes, from 1; 0 where neighbours are equal."""
    found = np.asarray(out)
    ordered = np.take_along_axis(np.asarray(operands[0]), found, attrs["axis"])
    equal = np.diff(ordered, axis=attrs["axis"]) == 0
    ends = [(0, 0)] * ordered.ndim
    before, after = list(ends), list(ends)
    before[attrs["axis"]], after[attrs["axis"]] = (1, 0), (0, 1)
    return np.where(np.pad(equal, before) | np.pad(equal, after), 0, found + 1)


def _turn(operands: Sequence[Any], attrs: Mapping[str, Any], out: Any) -> Any:
    """Of an angle: it jumps from π to -π where x is negative and y goes through 0."""
    y, x = (np.asarray(o, dtype="float64") for o in operands)
    return np.where((x > 0) | ((x == 0) & (y != 0)), 1, np.sign(y))


BENT: dict[str, Sides] = {
    "relu": _at(0),
    "leaky_relu": _at(0),
    "prelu": _first,
    "abs": _at(0),
    "sign": _at(0),
    "relu6": _at(0, 6),
    "hard_sigmoid": _at(-3, 3),
    "hard_swish": _at(-3, 3),
    "hard_tanh": _bounds("min_val", "max_val"),
    "clip": _bounds("min", "max"),
    "minimum": _order,
    "maximum": _order,
    "max": _ties,
    "min": _ties,
    "max_pool1d": _in_windows,
    "max_pool2d": _in_windows,
    "sort_index": _order_along,
    "elu": _elu,
    "selu": _at(0),
    "norm": _norm,
    "std": _norm,
    "floor": _whole,
    "ceil": _whole,
    "round": _halves,
    "mod": _period,
    "atan2": _turn,
}
"""The operations that have bends or jumps, by name."""


def bends(graph: Graph, nodes: Iterable[int]) -> list[int]:
    """Those of `nodes` at which a value has a bend or jumps where their operands move: those of BENT, and all that make whole numbers or
    truth of real ones (comparisons, `argmax`, the order of `sort`) or draw by them."""
    return [i for i in nodes if graph.op(i).name in BENT or _decides(graph, i)]


def _decides(graph: Graph, i: int) -> bool:
    chooses = not is_real(graph.dtype(i)) or graph.op(i).draws
    return chooses and any(is_real(graph.dtype(j)) for j in graph.inputs(i))


def branches(graph: Graph, nodes: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """On which side of its bends each of `nodes` is."""
    return [sides(graph, i, values) for i in nodes]


def sides(graph: Graph, i: int, values: Sequence[Any]) -> Any:
    """On which side of its bends node i is, element by element; of one that is not in BENT, what it comes to."""
    if graph.op(i).name not in BENT:
        return np.asarray(values[i])
    found = BENT[graph.op(i).name]([values[j] for j in graph.inputs(i)], graph.attrs(i), values[i])
    return np.asarray(found)


def kinks(graph: Graph, nodes: Sequence[int], values: Sequence[Any], name: Callable[[int], str]) -> tuple[Kink, ...]:
    """The nodes of which an element stands on a bend."""
    out = []
    for i in nodes:
        side = sides(graph, i, values)
        count = int(np.count_nonzero(side == 0))
        if count:
            instead = graph.op(i).kinks or "0"
            formula = formula_text(graph, i, name, set(graph.inputs(i)).__contains__)
            out.append(Kink(i, name(i), formula, _place(graph, i, values, name), instead, count))
    return tuple(out)


def _place(graph: Graph, i: int, values: Sequence[Any], name: Callable[[int], str]) -> str:
    """Where the kink is: `u1 = 0`, `a = b = 2`, `a tie in z`."""
    op, inputs = graph.op(i).name, graph.inputs(i)
    first = name(inputs[0])
    if op in ("max", "min"):
        return f"a tie in {first}"
    if op in ("minimum", "maximum"):
        same = f"{first} = {name(inputs[1])}"
        return f"{same} = {number(float(values[inputs[0]]))}" if np.ndim(values[i]) == 0 else same
    if op in ("norm", "std"):
        return f"{op}({first}) = 0"
    if np.ndim(values[inputs[0]]) == 0:
        return f"{first} = {number(float(values[inputs[0]]))}"
    return f"elements of {first}"
