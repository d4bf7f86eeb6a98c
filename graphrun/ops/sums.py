"""Sums, means and spreads, and the rules that all reductions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.leaves import DIMENSION
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, DType, Shape, TensorType, size
from graphrun.ops.arithmetic import DIV, MUL, SUB
from graphrun.ops.common import REAL_DTYPE, as_real, axes_of, axis_list, lifted, number, real_dtype
from graphrun.ops.compare import EQUAL, WHERE
from graphrun.ops.layout import BROADCAST_TO, EXPAND_DIMS, RESHAPE, TRANSPOSE
from graphrun.ops.running import others

__all__ = [
    "AXES",
    "MEAN",
    "OPS",
    "PROD",
    "STD",
    "SUM",
    "VAR",
    "count_of",
    "kept",
    "ready",
    "real_ready",
    "real_reduced",
    "reduced",
    "rows",
    "table",
]

AXES = (Attr("axis", "axes"), Attr("keepdims", "bool", False))

CASES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((3,), {}),
    ((2, 3), {}),
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": -1, "keepdims": True}),
    ((2, 3, 2), {"axis": (0, -1)}),
    ((2, 3, 2), {"axis": (1, 2), "keepdims": True}),
)


def table(domain: tuple[float, float] = (-2.0, 2.0), least: int = 0, **attrs: Any) -> tuple[Case, ...]:
    """Rows of the gradient table over axes and keepdims; `least` 1 leaves out the scalar."""
    return tuple(Case((s,), {**a, **attrs}, domain) for s, a in CASES if s or not least)


# -- shared rules ---------------------------------------------------------------------------------------------------------


def ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """Axes made non-negative."""
    s = types[0].shape
    return {**attrs, "axis": axes_of(attrs["axis"], len(s), s), "keepdims": bool(attrs["keepdims"])}


def real_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """As `ready`, with the dtype of a real result."""
    return real_dtype(types, ready(types, attrs))


def reduced(shape: Shape, attrs: Attrs) -> Shape:
    """What is left of a shape."""
    axes = axis_list(attrs["axis"], len(shape))
    if attrs["keepdims"]:
        return tuple(1 if k in axes else d for k, d in enumerate(shape))
    return tuple(d for k, d in enumerate(shape) if k not in axes)


def summed(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    (x,) = types
    return TensorType(reduced(x.shape, attrs), "int64" if x.dtype == "bool" else x.dtype)


def real_reduced(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """What is left of the shape, real."""
    (x,) = types
    return TensorType(reduced(x.shape, attrs), attrs["dtype"] or x.dtype)


def rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """The same reduction of each row."""
    axis, rank = node.attrs["axis"], len(node.graph.shape(node.inputs[0]))
    moved = axis + 1 if isinstance(axis, int) else tuple(a + 1 for a in axis_list(axis, rank))
    return node.op(b, new[0], **{**node.attrs, "axis": moved})


def kept(b: Builder, node: Node, i: int) -> int:
    """Node i, shaped as the reduction `node`, with the reduced axes as axes of size one."""
    rank = len(b.shape(node.inputs[0]))
    axes = axis_list(node.attrs["axis"], rank)
    if node.attrs["keepdims"] or not axes:
        return i
    return EXPAND_DIMS(b, i, axis=axes)


def _spread(b: Builder, node: Node, i: int) -> int:
    """Node i repeated over the reduced axes."""
    shape = b.shape(node.inputs[0])
    whole = node.attrs["axis"] is None and not node.attrs["keepdims"]
    i = i if whole else kept(b, node, i)
    return BROADCAST_TO(b, i, shape=shape) if b.shape(i) != shape else i


def count_of(b: Builder, node: Node, like: int) -> int:
    """How many elements a reduction takes together, as a constant, or the size of a symbolic dimension."""
    shape = b.shape(node.inputs[0])
    n = size([shape[k] for k in axis_list(node.attrs["axis"], len(shape))])
    return number(b, n, like) if isinstance(n, int) else DIMENSION(b, dim=n)


# -- sums -----------------------------------------------------------------------------------------------------------------


def _sum_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [_spread(b, node, g)]


SUM = OpDef(
    "sum",
    "The sum. Booleans count as 0 and 1.",
    "Σ x",
    ("x",),
    summed,
    lambda xp, x, *, axis, keepdims: xp.sum(lifted(xp, x), axis=axis, keepdims=keepdims),
    _sum_vjp,
    attrs=AXES,
    prepare=ready,
    rows=rows,
    scalar="{0}",
    onnx="ReduceSum",
    cases=(*table(), Case(((0, 2),), {"axis": 0})),
    derivatives=("1",),
)


def _mean_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [_spread(b, node, DIV(b, g, count_of(b, node, g)))]


def _mean(xp: Any, x: Any, *, axis: Any, keepdims: bool, dtype: DType | None) -> Any:
    x = xp.asarray(as_real(xp, x, dtype))
    n = 1
    for k in axis_list(axis, x.ndim):
        n *= x.shape[k]
    return xp.sum(x, axis=axis, keepdims=keepdims) / xp.asarray(n).astype(x.dtype)


MEAN = OpDef(
    "mean",
    "The arithmetic mean, always real. Booleans count as 0 and 1.",
    "Σ x / n",
    ("x",),
    real_reduced,
    _mean,
    _mean_vjp,
    attrs=(*AXES, REAL_DTYPE),
    prepare=real_ready,
    rows=rows,
    scalar="{0}",
    onnx="ReduceMean",
    cases=table(),
    derivatives=("1/n",),
)


def _prod_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    """The product of the others, without a division: exact at zeros, to any order."""
    x, shape = node.inputs[0], b.shape(node.inputs[0])
    axes = axis_list(node.attrs["axis"], len(shape))
    if not axes:
        return [g]
    if len(axes) == 1:
        return [MUL(b, kept(b, node, g), others(b, x, axes[0]))]
    order = (*(k for k in range(len(shape)) if k not in axes), *axes)
    left = order[: len(shape) - len(axes)]
    in_order = order == tuple(range(len(shape)))
    turned = x if in_order else TRANSPOSE(b, x, axes=order)
    flat = RESHAPE(b, turned, shape=(*(shape[k] for k in left), size([shape[k] for k in axes])))
    rest = RESHAPE(b, others(b, flat, len(left)), shape=b.shape(turned))
    back = rest if in_order else TRANSPOSE(b, rest, axes=tuple(order.index(k) for k in range(len(shape))))
    return [MUL(b, kept(b, node, g), back)]


PROD = OpDef(
    "prod",
    "The product. All derivatives are exact at zeros too.",
    "Π x",
    ("x",),
    summed,
    lambda xp, x, *, axis, keepdims: xp.prod(lifted(xp, x), axis=axis, keepdims=keepdims),
    _prod_vjp,
    attrs=AXES,
    prepare=ready,
    rows=rows,
    scalar="{0}",
    onnx="ReduceProd",
    cases=(*table(), Case(((3, 2, 2),), {"axis": (0, 2)}), Case(((0, 2),), {"axis": 0})),
    derivatives=("the product of the others",),
)


# -- spread ---------------------------------------------------------------------------------------------------------------


def _spread_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**real_ready(types, attrs), "correction": attrs["correction"]}


def _freedom(xp: Any, x: Any, axis: Any, correction: float) -> Any:
    n = 1
    for k in axis_list(axis, x.ndim):
        n *= x.shape[k]
    return xp.asarray(max(n - correction, 0)).astype(x.dtype)


def _var(xp: Any, x: Any, *, axis: Any, keepdims: bool, correction: float, dtype: DType | None) -> Any:
    x = xp.asarray(as_real(xp, x, dtype))
    mean = _mean(xp, x, axis=axis, keepdims=True, dtype=None)
    return xp.sum(xp.square(x - mean), axis=axis, keepdims=keepdims) / _freedom(xp, x, axis, correction)


def _degrees(b: Builder, node: Node, g: int) -> int:
    """n - correction."""
    n, correction = count_of(b, node, g), node.attrs["correction"]
    value = b.graph.attrs(n).get("value")
    if value is not None:
        return number(b, max(value - correction, 0), g)
    return SUB(b, n, number(b, correction, g)) if correction else n


def _deviation(b: Builder, node: Node) -> int:
    x = node.inputs[0]
    return SUB(b, x, MEAN(b, x, axis=node.attrs["axis"], keepdims=True))


def _var_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    scale = DIV(b, MUL(b, kept(b, node, g), number(b, 2, g)), _degrees(b, node, g))
    return [MUL(b, scale, _deviation(b, node))]


SPREAD = (*AXES, Attr("correction", "number", 1), REAL_DTYPE)

VAR = OpDef(
    "var",
    "The variance: the sum of squared deviations from the mean over n - correction (torch.var).",
    "Σ (x - mean x)² / (n - 1)",
    ("x",),
    real_reduced,
    _var,
    _var_vjp,
    attrs=SPREAD,
    prepare=_spread_ready,
    rows=rows,
    cases=(*table(least=1), *table(correction=0)),
    derivatives=("2(x - mean x)/(n - 1)",),
)


def _std(xp: Any, x: Any, **attrs: Any) -> Any:
    return xp.sqrt(_var(xp, x, **attrs))


def _std_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    """g (x - mean x) / ((n - 1) out), and 0 where all are equal (as torch.std)."""
    out, zero = node.index, number(b, 0, g)
    still = EQUAL(b, out, zero)
    scale = DIV(b, WHERE(b, still, zero, g), MUL(b, WHERE(b, still, number(b, 1, g), out), _degrees(b, node, g)))
    return [MUL(b, kept(b, node, scale), _deviation(b, node))]


STD = OpDef(
    "std",
    "The standard deviation, the root of the variance (torch.std).",
    "√(Σ (x - mean x)² / (n - 1))",
    ("x",),
    real_reduced,
    _std,
    _std_vjp,
    attrs=SPREAD,
    prepare=_spread_ready,
    rows=rows,
    kinks="0 where all elements are equal",
    cases=(*table(least=1), *table(least=1, correction=0)),
    derivatives=("(x - mean x)/((n - 1) std x)",),
)


OPS: tuple[OpDef, ...] = (SUM, MEAN, PROD, VAR, STD)
