"""Pooling by the mean of each window, and what it hands back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import OpFault, TensorType, shape_text
from graphrun.ops.common import REAL_DTYPE, as_real, real_dtype
from graphrun.ops.layout import as_shape
from graphrun.ops.sliding import CEIL, SLIDING, Types, cropped, framed, ints, pooled_shape, same_rows, sized_rows, sliding
from graphrun.ops.windows import Pairs, Windows, put_back, surrounded, taps, widened

__all__ = ["AVG_POOL1D", "AVG_POOL2D", "OPS", "averaged"]


def _avg_ready(op: str, n: int) -> Any:
    def ready(types: Types, attrs: Attrs) -> Attrs:
        out = sliding(op, n, types, attrs)
        divisor = attrs.get("divisor_override")
        if divisor is not None and divisor == 0:
            raise OpFault(f"`divisor_override` of `{op}` cannot be 0", code="wrong-type")
        out["count_include_pad"] = bool(attrs["count_include_pad"])
        return real_dtype(types, out)

    return ready


def _divisor(xp: Any, size: Any, w: Windows, frame: Pairs, a: Attrs) -> Any:
    """What the sum of each window is divided by: its taps, without those behind the padding or, where so wanted, within it."""
    override = a.get("divisor_override")
    if override is not None:
        return override
    total: Any = 1
    padding = widened(a, len(w.kernel))["padding"]
    for k, (d, kernel, stride, out) in enumerate(zip(size, w.kernel, w.stride, w.out, strict=True)):
        before, after = padding[k]
        low, high = (0, d + before + after) if a["count_include_pad"] else (before, before + d)
        start = xp.arange(out) * stride
        count = xp.minimum(start + kernel, high) - xp.maximum(start, low)
        total = total * xp.reshape(count, (-1,) + (1,) * (len(w.out) - 1 - k))
    return total


def averaged(xp: Any, x: Any, *, dtype: Any, out: Any = None, **a: Any) -> Any:
    """The mean of each window. `out` (NumPy alone) takes the result."""
    x = xp.asarray(as_real(xp, x, dtype))
    size = x.shape[-len(a["kernel_size"]) :]
    w, frame = framed(size, a)
    x = surrounded(xp, x, frame)
    parts = (x[(..., *tap)] for tap in taps(w))
    by = xp.asarray(_divisor(xp, size, w, frame, a)).astype(x.dtype)
    if out is None:
        return reduce(xp.add, parts) / by
    out[...] = next(parts)
    for part in parts:
        xp.add(out, part, out)
    return xp.divide(out, by, out)


def _avg_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    a = {k: v for k, v in node.attrs.items() if k != "dtype"}
    return [AVG_PUT(b, g, shape=b.shape(node.inputs[0]), **a)]


def _avg_pool(n: int) -> OpDef:
    op = f"avg_pool{n}d"
    more = (Attr("divisor_override", "int"),) if n == 2 else ()
    return OpDef(
        op,
        f"The mean of each window over the last {'axis' if n == 1 else 'two axes'}; side by side where no stride is given. Padding counts "
        f"as zeros, or not at all with `count_include_pad=false` (torch.nn.functional.{op}).",
        "Σ x / n",
        ("x",),
        lambda types, a: TensorType(pooled_shape(op, types[0].shape, a), a["dtype"] or types[0].dtype),
        averaged,
        _avg_vjp,
        attrs=(*SLIDING, CEIL, Attr("count_include_pad", "bool", True), *more, REAL_DTYPE),
        prepare=_avg_ready(op, n),
        rows=same_rows,
        onnx="AveragePool",
        cases=AVG_CASES[n],
        derivatives=("1/n in the window, else 0",),
        torch=f"nn.functional.{op}",
    )


AVG_CASES: dict[int, tuple[Case, ...]] = {
    1: (
        Case(((2, 2, 6),), {"kernel_size": 2}),
        Case(((2, 7),), {"kernel_size": 3, "stride": 2, "padding": 1}),
        Case(((2, 6),), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ),
    2: (
        Case(((2, 2, 4, 6),), {"kernel_size": 2}),
        Case(((1, 5, 4),), {"kernel_size": (3, 2), "stride": (1, 2), "padding": 1, "ceil_mode": True}),
        Case(((1, 5, 4),), {"kernel_size": 2, "stride": 1, "padding": 1, "count_include_pad": False}),
        Case(((2, 4, 4),), {"kernel_size": 2, "divisor_override": 3}),
    ),
}


def _avg_put_ready(types: Types, attrs: Attrs) -> Attrs:
    shape = as_shape(attrs["shape"])
    n = len(ints(attrs["kernel_size"]))
    return {**_avg_ready("avg_pool", n)([TensorType(shape, types[0].dtype)], attrs), "shape": shape}


def _avg_put_type(types: Types, a: Attrs) -> TensorType:
    want = pooled_shape("avg_pool", a["shape"], a)
    if types[0].shape != want:
        raise OpFault(f"{shape_text(a['shape'])} has windows {shape_text(want)}, not {shape_text(types[0].shape)}", operands=(0,))
    return TensorType(a["shape"], a["dtype"] or types[0].dtype)


def _avg_put(xp: Any, g: Any, *, shape: Any, dtype: Any, **a: Any) -> Any:
    g = xp.asarray(as_real(xp, g, dtype))
    n = len(a["kernel_size"])
    size = shape[-n:]
    w, frame = framed(size, a)
    share = g / xp.asarray(_divisor(xp, size, w, frame, a)).astype(g.dtype)
    lead = shape[: len(shape) - n]
    parts = xp.broadcast_to(xp.expand_dims(share, tuple(range(len(lead), len(lead) + n))), (*lead, *w.kernel, *w.out))
    return cropped(put_back(xp, parts, w), size, frame)


def _avg_put_vjp(b: Builder, node: Node, c: int) -> Sequence[int]:
    a = {k: v for k, v in node.attrs.items() if k not in ("shape", "dtype")}
    n = len(a["kernel_size"])
    if n == 1:
        a.pop("divisor_override")
    return [AVG[n](b, c, **a)]


AVG_PUT = OpDef(
    "avg_pool_put",
    "Each element of g laid out evenly over its window: what avg_pool hands back.",
    "g / n",
    ("g",),
    _avg_put_type,
    _avg_put,
    _avg_put_vjp,
    attrs=(
        Attr("shape", "shape", required=True),
        *SLIDING,
        CEIL,
        Attr("count_include_pad", "bool", True),
        Attr("divisor_override", "int"),
        REAL_DTYPE,
    ),
    prepare=_avg_put_ready,
    rows=sized_rows,
    cases=(
        Case(((2, 3),), {"shape": (2, 6), "kernel_size": 2}),
        Case(((1, 5, 2),), {"shape": (1, 5, 4), "kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}),
    ),
    derivatives=("1/n",),
    public=False,
    shown="avg_unpool",
)

AVG = {n: _avg_pool(n) for n in (1, 2)}
AVG_POOL1D, AVG_POOL2D = AVG[1], AVG[2]

OPS: tuple[OpDef, ...] = (AVG_POOL1D, AVG_POOL2D, AVG_PUT)
