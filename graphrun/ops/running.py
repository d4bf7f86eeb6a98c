"""Running sums and products along an axis, and the linear recurrence that products hand back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, OpFault, TensorType, promote, shape_text
from graphrun.ops.arithmetic import MUL
from graphrun.ops.common import axis_of, lifted, meet, same_type
from graphrun.ops.layout import to_rows
from graphrun.ops.pad import PAD
from graphrun.ops.slices import FLIP, SLICE

__all__ = ["CUMPROD", "CUMSUM", "OPS", "RECUR", "others"]

AXIS = (Attr("axis", "axis", required=True),)


def _along_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return {"axis": axis_of(attrs["axis"], len(s), s)}


def _along_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    inputs = [i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)]
    return node.op(b, *inputs, axis=node.attrs["axis"] + 1)


# -- sums -----------------------------------------------------------------------------------------------------------------


def _cumsum_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    axis = node.attrs["axis"]
    return [FLIP(b, CUMSUM(b, FLIP(b, g, axis=axis), axis=axis), axis=axis)]


CUMSUM = OpDef(
    "cumsum",
    "The sums of the elements so far, along `axis`.",
    "x₁, x₁ + x₂, …",
    ("x",),
    same_type,
    lambda xp, x, *, axis: xp.cumsum(lifted(xp, x), axis=axis),
    _cumsum_vjp,
    attrs=AXIS,
    prepare=_along_ready,
    rows=_along_rows,
    onnx="CumSum",
    cases=(Case(((3,),), {"axis": 0}), Case(((2, 3),), {"axis": -1}), Case(((2, 3),), {"axis": 0}), Case(((0, 2),), {"axis": 0})),
    derivatives=("1 from there on",),
)


# -- products -------------------------------------------------------------------------------------------------------------


def _moved_on(b: Builder, i: int, axis: int, value: float) -> int:
    """Node i one place further along the axis, with `value` in front; the last one drops out."""
    rank = len(b.shape(i))
    longer = PAD(b, i, pad=(0, 0) * (rank - 1 - axis) + (1, 0), value=value)
    return SLICE(b, longer, index=(*(None,) * axis, (None, -1, None)))


def _before(b: Builder, x: int, axis: int) -> int:
    """For each element the product of those before it."""
    return CUMPROD(b, _moved_on(b, x, axis, 1.0), axis=axis)


def others(b: Builder, x: int, axis: int) -> int:
    """For each element the product of all others along the axis. Nothing is divided, so zeros do no harm."""
    after = FLIP(b, _before(b, FLIP(b, x, axis=axis), axis), axis=axis)
    return MUL(b, _before(b, x, axis), after)


def _cumprod_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    """The product of those before, times Σ over all from here on of g · the product of those between."""
    x, axis = node.inputs[0], node.attrs["axis"]
    return [MUL(b, _before(b, x, axis), _recur_back(b, x, g, axis))]


CUMPROD = OpDef(
    "cumprod",
    "The products of the elements so far, along `axis`. All derivatives are exact at zeros too.",
    "x₁, x₁ · x₂, …",
    ("x",),
    same_type,
    lambda xp, x, *, axis: xp.cumprod(lifted(xp, x), axis=axis),
    _cumprod_vjp,
    attrs=AXIS,
    prepare=_along_ready,
    rows=_along_rows,
    cases=(
        Case(((4,),), {"axis": 0}),
        Case(((2, 3),), {"axis": -1}),
        Case(((3, 2),), {"axis": 0}),
        Case(((1, 2),), {"axis": 0}),
        Case(((0, 2),), {"axis": 0}),
    ),
    derivatives=("the product of the others so far",),
)


def _recur_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    a, c = types
    if a.shape != c.shape:
        raise OpFault(f"a recurrence takes two values of one shape, not {shape_text(a.shape)} and {shape_text(c.shape)}", operands=(0, 1))
    dtype = promote(a.dtype, c.dtype)
    return TensorType(a.shape, "int64" if dtype == "bool" else dtype)


def _recur(xp: Any, a: Any, c: Any, *, axis: int) -> Any:
    """By doubling: after k rounds each place holds what the last 2^k terms make."""
    a, s = (xp.moveaxis(v, axis, 0) for v in meet(xp, a, c))
    step = 1
    while step < s.shape[0]:
        s = xp.concat([s[:step], s[step:] + a[step:] * s[:-step]])
        a = xp.concat([a[:step], a[step:] * a[:-step]])
        step *= 2
    return xp.moveaxis(s, 0, axis)


def _recur_back(b: Builder, a: int, g: int, axis: int) -> int:
    """u with u[t] = g[t] + a[t + 1] · u[t + 1], from the back."""
    follows = _moved_on(b, FLIP(b, a, axis=axis), axis, 0.0)
    return FLIP(b, RECUR(b, follows, FLIP(b, g, axis=axis), axis=axis), axis=axis)


def _recur_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    axis = node.attrs["axis"]
    back = _recur_back(b, node.inputs[0], g, axis)
    return [MUL(b, back, _moved_on(b, node.index, axis, 0.0)), back]


RECUR = OpDef(
    "recur",
    "The linear recurrence s[t] = c[t] + a[t] · s[t - 1] along `axis`, from s[-1] = 0.",
    "c + a · s before",
    ("a", "c"),
    _recur_type,
    _recur,
    _recur_vjp,
    attrs=AXIS,
    prepare=_along_ready,
    rows=_along_rows,
    cases=(
        Case(((5,), (5,)), {"axis": 0}),
        Case(((2, 3), (2, 3)), {"axis": -1}),
        Case(((3, 2), (3, 2)), {"axis": 0}),
        Case(((0, 2), (0, 2)), {"axis": 0}),
    ),
    derivatives=("s before, from there on", "1, and the product of a's from there on"),
    public=False,
)

OPS: tuple[OpDef, ...] = (CUMSUM, CUMPROD, RECUR)
