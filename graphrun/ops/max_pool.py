"""Pooling by the largest element of each window, and what it hands back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import OpFault, TensorType, is_real, shape_text
from graphrun.ops.common import dtype_of, lifted
from graphrun.ops.layout import as_shape
from graphrun.ops.sliding import CEIL, SLIDING, Types, cropped, framed, ints, pooled_shape, same_rows, sized_rows, sliding
from graphrun.ops.windows import chosen, laid, surrounded, taps

__all__ = ["MAX_POOL1D", "MAX_POOL2D", "OPS", "largest", "places"]

MAX_ATTRS = (*SLIDING, Attr("dilation", "ints", 1), CEIL)


def _lowest(xp: Any, x: Any) -> Any:
    return -math.inf if is_real(dtype_of(x)) else xp.iinfo(x.dtype).min


def largest(xp: Any, x: Any, *, out: Any = None, **a: Any) -> Any:
    """The largest element of each window. `out` (NumPy alone) takes the result."""
    x = lifted(xp, xp.asarray(x))
    w, frame = framed(x.shape[-len(a["kernel_size"]) :], a)
    x = surrounded(xp, x, frame, _lowest(xp, x))
    parts = (x[(..., *tap)] for tap in taps(w))
    if out is None:
        return reduce(xp.maximum, parts) if math.prod(w.kernel) > 1 else xp.array(next(parts))
    out[...] = next(parts)
    for part in parts:
        xp.maximum(out, part, out=out)
    return out


def _max_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x = node.inputs[0]
    return [POOL_PUT(b, g, MAX_TAP(b, x, node.index, **node.attrs), shape=b.shape(x), **node.attrs)]


def _max_pool(n: int) -> OpDef:
    op = f"max_pool{n}d"
    return OpDef(
        op,
        f"The largest element of each window over the last {'axis' if n == 1 else 'two axes'}; side by side where no stride is given. "
        f"The first of equal ones gets the gradient (torch.nn.functional.{op}).",
        "max x",
        ("x",),
        lambda types, a: TensorType(pooled_shape(op, types[0].shape, a), "int64" if types[0].dtype == "bool" else types[0].dtype),
        largest,
        _max_vjp,
        attrs=MAX_ATTRS,
        prepare=lambda types, attrs: sliding(op, n, types, attrs),
        rows=same_rows,
        kinks="all to the first of equal ones",
        onnx="MaxPool",
        cases=MAX_CASES[n],
        derivatives=("1 at the largest of the window, else 0",),
        torch=f"nn.functional.{op}",
    )


MAX_CASES: dict[int, tuple[Case, ...]] = {
    1: (
        Case(((2, 2, 6),), {"kernel_size": 2}),
        Case(((2, 7),), {"kernel_size": 3, "stride": 2, "padding": 1}),
        Case(((2, 7),), {"kernel_size": 2, "dilation": 2, "ceil_mode": True}),
    ),
    2: (
        Case(((2, 2, 4, 6),), {"kernel_size": 2}),
        Case(((1, 5, 5),), {"kernel_size": 3, "stride": (1, 2), "padding": 1}),
        Case(((2, 5, 6),), {"kernel_size": (2, 3), "dilation": (2, 1), "ceil_mode": True}),
    ),
}


def _tap_type(types: Types, a: Attrs) -> TensorType:
    n = len(a["kernel_size"])
    return TensorType(pooled_shape(f"max_pool{n}d", types[0].shape, a), "int64")


def _tap(xp: Any, x: Any, top: Any, *, out: Any = None, **a: Any) -> Any:
    """The first tap that holds the largest element, or nan. `out` (NumPy alone) takes the result."""
    x = lifted(xp, xp.asarray(x))
    w, frame = framed(x.shape[-len(a["kernel_size"]) :], a)
    x = surrounded(xp, x, frame, _lowest(xp, x))
    found = xp.zeros(top.shape, dtype=xp.int64) if out is None else out
    found = chosen(xp, found, 0)
    for k, tap in reversed(list(enumerate(taps(w)))[1:]):
        part = x[(..., *tap)]
        found = chosen(xp, found, k, (part == top) | xp.isnan(part))
    return chosen(xp, found, 0, x[(..., *next(taps(w)))] == top)


def places(x: Any, top: Any, **a: Any) -> Any:
    """By NumPy: the place of the largest element in each window, from 1; 0 where several are as large."""
    import numpy as np

    x = np.asarray(x, dtype="float64")
    w, frame = framed(x.shape[-len(a["kernel_size"]) :], a)
    padded = surrounded(np, x, frame, -math.inf)
    as_large = sum((padded[(..., *tap)] == top).astype("int64") for tap in taps(w))
    return np.where(as_large > 1, 0, _tap(np, x, np.asarray(top), **a) + 1)


def _tap_ready(types: Types, attrs: Attrs) -> Attrs:
    return sliding("max_pool", len(ints(attrs["kernel_size"])), types, attrs)


MAX_TAP = OpDef(
    "max_pool_tap",
    "The place within each window, counted in C order, at which its largest element stands.",
    "argmax x",
    ("x", "top"),
    _tap_type,
    _tap,
    attrs=MAX_ATTRS,
    prepare=_tap_ready,
    rows=same_rows,
    public=False,
    shown="argmax",
)


def _indexed(types: Types, position: int, op: str) -> None:
    if types[position].dtype != "int64":
        raise OpFault(f"`{op}` takes places as whole numbers, not {types[position].dtype}", code="dtype-mismatch", operands=(position,))


def _put_ready(types: Types, attrs: Attrs) -> Attrs:
    shape = as_shape(attrs["shape"])
    ready = sliding("max_pool", len(ints(attrs["kernel_size"])), [TensorType(shape, "float64")], attrs)
    return {**ready, "shape": shape}


def _put_type(types: Types, a: Attrs) -> TensorType:
    _indexed(types, 1, "pool_put")
    want = pooled_shape("max_pool", a["shape"], a)
    if types[0].shape != want or types[1].shape != want:
        raise OpFault(
            f"{shape_text(types[0].shape)} at {shape_text(types[1].shape)} does not fit {shape_text(a['shape'])}", operands=(0, 1)
        )
    return TensorType(a["shape"], "int64" if types[0].dtype == "bool" else types[0].dtype)


def _put(xp: Any, g: Any, tap: Any, *, shape: Any, **a: Any) -> Any:
    g = lifted(xp, g)
    n = len(a["kernel_size"])
    w, frame = framed(shape[-n:], a)
    out = xp.zeros((*shape[: len(shape) - n], *w.size), dtype=g.dtype)
    apart = all(s >= d * (k - 1) + 1 for s, d, k in zip(w.stride, w.dilation, w.kernel, strict=True))
    for k, at in enumerate(taps(w)):
        out = laid(xp, out, (..., *at), g * (tap == k), apart)
    return cropped(out, shape[-n:], frame)


def _put_vjp(b: Builder, node: Node, c: int) -> Sequence[int | None]:
    a = {k: v for k, v in node.attrs.items() if k != "shape"}
    return [POOL_TAKE(b, c, node.inputs[1], **a), None]


PUT_CASES = (
    Case(((2, 3), (2, 3)), {"shape": (2, 6), "kernel_size": 2}, (-2.0, 1.0), ("float64", "int64")),
    Case(((2, 2), (2, 2)), {"shape": (5, 5), "kernel_size": (2, 3), "stride": 3, "padding": 1}, (-2.0, 5.0), ("float64", "int64")),
)
TAKE_CASES = (
    Case(((2, 6), (2, 3)), {"kernel_size": 2}, (-2.0, 1.0), ("float64", "int64")),
    Case(((5, 5), (2, 2)), {"kernel_size": (2, 3), "stride": 3, "padding": 1}, (-2.0, 5.0), ("float64", "int64")),
)

POOL_PUT = OpDef(
    "pool_put",
    "Zeros of `shape` with each element of g added at its place in its window: what max_pool hands back.",
    "pool_put(g, tap)",
    ("g", "tap"),
    _put_type,
    _put,
    _put_vjp,
    attrs=(Attr("shape", "shape", required=True), *MAX_ATTRS),
    prepare=_put_ready,
    rows=sized_rows,
    cases=PUT_CASES,
    derivatives=("1 at the place", "0"),
    public=False,
    shown="max_unpool",
)


def _take_type(types: Types, a: Attrs) -> TensorType:
    _indexed(types, 1, "pool_take")
    want = pooled_shape("max_pool", types[0].shape, a)
    if types[1].shape != want:
        raise OpFault(f"{shape_text(types[0].shape)} has windows {shape_text(want)}, not {shape_text(types[1].shape)}", operands=(0, 1))
    return TensorType(want, "int64" if types[0].dtype == "bool" else types[0].dtype)


def _take(xp: Any, x: Any, tap: Any, **a: Any) -> Any:
    x = lifted(xp, x)
    w, frame = framed(x.shape[-len(a["kernel_size"]) :], a)
    x = surrounded(xp, x, frame)
    out = xp.zeros(tap.shape, dtype=x.dtype)
    for k, at in enumerate(taps(w)):
        out = xp.where(tap == k, x[(..., *at)], out)
    return out


def _take_vjp(b: Builder, node: Node, c: int) -> Sequence[int | None]:
    x, tap = node.inputs
    return [POOL_PUT(b, c, tap, shape=b.shape(x), **node.attrs), None]


POOL_TAKE = OpDef(
    "pool_take",
    "The element of each window at the given place.",
    "pool_take(x, tap)",
    ("x", "tap"),
    _take_type,
    _take,
    _take_vjp,
    attrs=MAX_ATTRS,
    prepare=_tap_ready,
    rows=same_rows,
    cases=TAKE_CASES,
    derivatives=("1 at the place, else 0", "0"),
    public=False,
    shown="take",
)

MAX_POOL1D, MAX_POOL2D = _max_pool(1), _max_pool(2)

OPS: tuple[OpDef, ...] = (MAX_POOL1D, MAX_POOL2D, MAX_TAP, POOL_PUT, POOL_TAKE)
