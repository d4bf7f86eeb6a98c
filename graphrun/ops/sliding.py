"""What the poolings share: windows over the last axes, their counts, and the padding that they reach into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, shape_text
from graphrun.ops.layout import to_rows
from graphrun.ops.windows import Pairs, Windows, compact, pairs_of, per_axis, widened, windows_of

__all__ = ["CEIL", "SLIDING", "Types", "cropped", "framed", "ints", "pooled_shape", "same_rows", "sized_rows", "sliding"]

Types = Sequence[TensorType]

SLIDING = (Attr("kernel_size", "ints", required=True), Attr("stride", "ints"), Attr("padding", "ints", 0))
CEIL = Attr("ceil_mode", "bool", False)


def sliding(op: str, n: int, types: Types, attrs: Attrs) -> dict[str, Any]:
    """The attributes as a person writes them, checked. A stride that lays the windows side by side is left out."""
    x = types[0].shape
    if len(x) < n:
        raise OpFault(f"`{op}` slides over {n} axes, but {{0}} has shape {shape_text(x)}", operands=(0,))
    kernel = per_axis(op, "kernel_size", attrs["kernel_size"], n, 1)
    stride = kernel if attrs["stride"] is None else per_axis(op, "stride", attrs["stride"], n, 1)
    dilation = per_axis(op, "dilation", attrs.get("dilation", 1), n, 1)
    padding = pairs_of(op, attrs["padding"], kernel, stride, dilation)
    for k, d, (before, _) in zip(kernel, dilation, padding, strict=True):
        if 2 * before > d * (k - 1) + 1:
            raise OpFault(
                f"the padding of `{op}` is at most half of the kernel: {before} is more than half of {d * (k - 1) + 1}", code="wrong-type"
            )
    apart = None if stride == kernel else compact(stride)
    ready = {**attrs, "kernel_size": kernel, "stride": apart, "padding": compact(padding), "ceil_mode": bool(attrs["ceil_mode"])}
    return {**ready, "dilation": compact(dilation)} if "dilation" in attrs else ready


def _wide(attrs: Attrs) -> dict[str, Any]:
    return widened({"dilation": 1, **attrs}, len(attrs["kernel_size"]))


def pooled_shape(op: str, shape: Shape, a: Attrs) -> Shape:
    """The shape of what is pooled: the last axes count windows."""
    n, w = len(a["kernel_size"]), _wide(a)
    counts = windows_of(op, shape[-n:], w["kernel_size"], w["stride"], w["padding"], w["dilation"], w["ceil_mode"])
    return (*shape[:-n], *counts)


def framed(size: Any, a: Attrs) -> tuple[Windows, Pairs]:
    """The windows over axes of `size` (numbers), and the padding that they reach into."""
    w = _wide(a)
    kernel, stride, dilation = w["kernel_size"], w["stride"], w["dilation"]
    out: Any = pooled_shape("", tuple(size), a)
    ends = tuple((o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(out, stride, dilation, kernel, strict=True))
    frame = tuple((before, max(after, end - d - before)) for d, end, (before, after) in zip(size, ends, w["padding"], strict=True))
    whole = tuple(d + before + after for d, (before, after) in zip(size, frame, strict=True))
    return Windows(whole, kernel, stride, dilation, out), frame


def cropped(x: Any, size: Any, frame: Pairs) -> Any:
    """`x` without its padding."""
    return x[(..., *(slice(before, before + d) for d, (before, _) in zip(size, frame, strict=True)))]


def same_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """Only the last axes are slid over: the rows are one axis more in front."""
    inputs = [i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)]
    return node.op(b, *inputs, **node.attrs)


def sized_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """As `same_rows`, for an operation whose attribute `shape` is that of its result."""
    inputs = [i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)]
    return node.op(b, *inputs, **{**node.attrs, "shape": (dim, *node.shape)})


def ints(value: Any) -> tuple[int, ...]:
    """A whole number, or several, as a tuple."""
    return (value,) if isinstance(value, int) else tuple(value)
