"""Extremes, norms, and truth over an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import Dim, DType, OpFault, TensorType, shape_text, size
from graphrun.ops.arithmetic import DIV, MUL, POWER, SUB
from graphrun.ops.common import REAL_DTYPE, as_dtype, as_real, axis_list, axis_of, dtype_of, lifted, number
from graphrun.ops.compare import EQUAL, WHERE
from graphrun.ops.elementary import ABS, EXP, SIGN
from graphrun.ops.layout import RESHAPE
from graphrun.ops.sums import AXES, SUM, kept, ready, real_ready, real_reduced, reduced, rows, table

__all__ = ["ALL", "ANY", "ARGMAX", "ARGMIN", "LOGSUMEXP", "MAX", "MIN", "NORM", "OPS"]


def _some(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """As `summed`, where there must be something to choose from."""
    s = types[0].shape
    if 0 in [s[k] for k in axis_list(attrs["axis"], len(s))]:
        raise OpFault(f"{{0}} with shape {shape_text(s)} has no elements to choose from", operands=(0,))
    return TensorType(reduced(s, attrs), types[0].dtype)


# -- extremes -------------------------------------------------------------------------------------------------------------


def _share(b: Builder, node: Node, x: int, out: int, g: int) -> int:
    """1 where x is the extreme, divided evenly among ties."""
    chosen = EQUAL(b, x, out)
    ties = SUM(b, chosen, axis=node.attrs["axis"], keepdims=True)
    return DIV(b, chosen, ties, dtype=b.dtype(g))


def _extreme_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    share = _share(b, node, node.inputs[0], kept(b, node, node.index), g)
    return [MUL(b, kept(b, node, g), share)]


MAX = OpDef(
    "max",
    "The largest element. Ties share the gradient evenly (torch.amax).",
    "max x",
    ("x",),
    _some,
    lambda xp, x, *, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims),
    _extreme_vjp,
    attrs=AXES,
    prepare=ready,
    rows=rows,
    scalar="{0}",
    kinks="shared evenly at a tie",
    onnx="ReduceMax",
    cases=table(),
    derivatives=("1 at the largest, else 0",),
    torch="amax",
)
MIN = OpDef(
    "min",
    "The smallest element. Ties share the gradient evenly (torch.amin).",
    "min x",
    ("x",),
    _some,
    lambda xp, x, *, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims),
    _extreme_vjp,
    attrs=AXES,
    prepare=ready,
    rows=rows,
    scalar="{0}",
    kinks="shared evenly at a tie",
    onnx="ReduceMin",
    cases=table(),
    derivatives=("1 at the smallest, else 0",),
    torch="amin",
)


# -- norms -------------------------------------------------------------------------------------------------------------


def _logsumexp(xp: Any, x: Any, *, axis: Any, keepdims: bool, dtype: DType | None) -> Any:
    x = as_real(xp, x, dtype)
    top = xp.max(x, axis=axis, keepdims=True, initial=-xp.inf)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=keepdims))
    return out + (top if keepdims else xp.squeeze(top, axis=axis_list(axis, getattr(x, "ndim", 0))))


def _logsumexp_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    weights = EXP(b, SUB(b, node.inputs[0], kept(b, node, node.index)))
    return [MUL(b, kept(b, node, g), weights)]


LOGSUMEXP = OpDef(
    "logsumexp",
    "ln Σ e^x, without overflow.",
    "ln Σ e^x",
    ("x",),
    real_reduced,
    _logsumexp,
    _logsumexp_vjp,
    attrs=(*AXES, REAL_DTYPE),
    prepare=real_ready,
    rows=rows,
    scalar="{0}",
    onnx="ReduceLogSumExp",
    cases=table(),
    derivatives=("e^x / Σ e^x",),
)


def _norm_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**real_ready(types, attrs), "ord": float(attrs["ord"])}


def _norm_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    if attrs["ord"] < 0 or attrs["ord"] == INFINITE:
        _some(types, attrs)
    return real_reduced(types, attrs)


INFINITE = float("inf")


def _norm(xp: Any, x: Any, *, axis: Any, keepdims: bool, ord: float, dtype: DType | None) -> Any:
    x = xp.abs(as_real(xp, x, dtype))
    if ord == 0:
        return xp.sum(as_dtype(xp, x != 0, dtype_of(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return xp.sum(x, axis=axis, keepdims=keepdims)
    if ord == 2:
        return xp.sqrt(xp.sum(xp.square(x), axis=axis, keepdims=keepdims))
    if abs(ord) == INFINITE:
        return (xp.max if ord > 0 else xp.min)(x, axis=axis, keepdims=keepdims)
    p = xp.asarray(ord).astype(x.dtype)
    return xp.power(xp.sum(xp.power(x, p), axis=axis, keepdims=keepdims), 1 / p)


def _norm_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, order, out = node.inputs[0], node.attrs["ord"], kept(b, node, node.index)
    g = kept(b, node, g)
    if order == 0:
        return [None]
    if order == 1:
        return [MUL(b, g, SIGN(b, x))]
    if abs(order) == INFINITE:
        return [MUL(b, g, MUL(b, SIGN(b, x), _share(b, node, ABS(b, x), out, g)))]
    zero, one = number(b, 0, g), number(b, 1, g)
    if order < 1:
        there, length = EQUAL(b, x, zero), ABS(b, x)
        steepness = POWER(b, WHERE(b, there, one, length), number(b, order - 1, g))
        scale = MUL(b, g, POWER(b, out, number(b, 1 - order, g)))
        return [MUL(b, scale, WHERE(b, there, zero, MUL(b, SIGN(b, x), steepness)))]
    safe = WHERE(b, EQUAL(b, out, zero), one, out)
    if order == 2:
        return [MUL(b, g, DIV(b, x, safe))]
    steepness = POWER(b, DIV(b, ABS(b, x), safe), number(b, order - 1, g))
    return [MUL(b, g, MUL(b, SIGN(b, x), steepness))]


NORM = OpDef(
    "norm",
    "The norm of the elements as one vector: (Σ |x|^ord)^(1/ord); the largest |x| for inf, the smallest for -inf, the number of those that "
    "are not 0 for 0 (torch.linalg.vector_norm).",
    "√(Σ x²)",
    ("x",),
    _norm_type,
    _norm,
    _norm_vjp,
    attrs=(Attr("ord", "number", 2.0), *AXES, REAL_DTYPE),
    prepare=_norm_ready,
    rows=rows,
    scalar="fabs({0})",
    kinks="0 at x = 0",
    cases=(
        *table(domain=(0.2, 2.0)),
        *table(ord=1),
        *table(domain=(0.3, 2.0), ord=3),
        *table(ord=INFINITE),
        *table(domain=(0.3, 2.0), ord=0.5),
        *table(domain=(0.3, 2.0), ord=-1.5),
        *table(ord=-INFINITE),
    ),
    derivatives=("x/norm x",),
    torch="linalg.vector_norm",
)


# -- places and truth ------------------------------------------------------------------------------------------------------


def _arg_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s, axis = types[0].shape, attrs["axis"]
    return {"axis": None if axis is None else axis_of(axis, len(s), s), "keepdims": bool(attrs["keepdims"])}


def _arg_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(_some(types, attrs).shape, "int64")


def _arg_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """Rows are flattened where the whole is meant, as an argument counts through all axes."""
    axis, keep = node.attrs["axis"], node.attrs["keepdims"]
    if axis is not None:
        return node.op(b, new[0], axis=axis + 1, keepdims=keep)
    flat = RESHAPE(b, new[0], shape=(dim, size(node.graph.shape(node.inputs[0]))))
    return RESHAPE(b, node.op(b, flat, axis=1), shape=(dim, *node.shape))


def _arg(name: str, doc: str, formula: str, onnx: str) -> OpDef:
    def kernel(xp: Any, x: Any, *, axis: int | None, keepdims: bool) -> Any:
        return as_dtype(xp, getattr(xp, name)(lifted(xp, x), axis=axis, keepdims=keepdims), "int64")

    return OpDef(
        name, doc, formula, ("x",), _arg_type, kernel, attrs=(Attr("axis", "axis"), AXES[1]), prepare=_arg_ready, rows=_arg_rows, onnx=onnx
    )


ARGMAX = _arg(
    "argmax", "Where the largest element is, the first of several; counted through all elements without `axis`.", "argmax x", "ArgMax"
)
ARGMIN = _arg(
    "argmin", "Where the smallest element is, the first of several; counted through all elements without `axis`.", "argmin x", "ArgMin"
)


def _truth(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(reduced(types[0].shape, attrs), "bool")


ANY = OpDef(
    "any",
    "Whether one or more are true; a number is true unless it is 0.",
    "any x",
    ("x",),
    _truth,
    lambda xp, x, *, axis, keepdims: xp.any(x, axis=axis, keepdims=keepdims),
    attrs=AXES,
    prepare=ready,
    rows=rows,
)
ALL = OpDef(
    "all",
    "Whether all are true; a number is true unless it is 0.",
    "all x",
    ("x",),
    _truth,
    lambda xp, x, *, axis, keepdims: xp.all(x, axis=axis, keepdims=keepdims),
    attrs=AXES,
    prepare=ready,
    rows=rows,
)

OPS: tuple[OpDef, ...] = (MAX, MIN, LOGSUMEXP, NORM, ARGMAX, ARGMIN, ANY, ALL)
