"""Padding: a value around an array, or what is inside it carried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef, Part
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, shape_text
from graphrun.ops.indexing import SCATTER_ROWS
from graphrun.ops.slices import SLICE

__all__ = ["OPS", "PAD"]

MODES = ("constant", "reflect", "replicate", "circular")


def _pad_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    shape, mode = types[0].shape, attrs["mode"]
    pad = (attrs["pad"],) if isinstance(attrs["pad"], int) else tuple(attrs["pad"])
    if len(pad) % 2 or len(pad) > 2 * len(shape):
        raise OpFault(
            f"`pad` has {len(pad)} numbers, which does not fit {shape_text(shape)}",
            code="wrong-type",
            operands=(0,),
            notes=["it takes two for each axis, before and after, beginning with the last axis"],
        )
    if mode not in MODES:
        raise OpFault(f"`mode` of `pad` is 'constant', 'reflect', 'replicate' or 'circular', not '{mode}'", code="wrong-type")
    for k, (d, (before, after)) in enumerate(zip(shape, _widths(pad, len(shape)), strict=True)):
        _check_width(d, before, after, mode, k, shape)
    return {"pad": pad, "mode": mode, "value": float(attrs["value"])}


def _check_width(d: Dim, before: int, after: int, mode: str, axis: int, shape: Shape) -> None:
    if isinstance(d, int) and d + min(before, 0) + min(after, 0) < 0:
        raise OpFault(f"`pad` cuts off more of axis {axis} than the {d} elements of {shape_text(shape)}", code="wrong-type", operands=(0,))
    if mode == "constant" or (before == 0 and after == 0):
        return
    if not isinstance(d, int):
        raise OpFault(
            f"'{mode}' fills in from axis {axis} of {shape_text(shape)}, whose size must be a number", code="symbolic-size", operands=(0,)
        )
    most = d - 1 if mode == "reflect" else d + min(before, 0) + min(after, 0)
    if d == 0 or (mode != "replicate" and max(before, after) > most):
        raise OpFault(
            f"'{mode}' can fill in at most {max(most, 0)} at an axis of {d}, not {max(before, after)}", code="wrong-type", operands=(0,)
        )


def _widths(pad: tuple[int, ...], rank: int) -> list[tuple[int, int]]:
    """(before, after) for each axis, the first axis first."""
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    return [(0, 0)] * (rank - len(pairs)) + pairs[::-1]


def _padded(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    s = types[0].shape
    widths = _widths(attrs["pad"], len(s))
    return TensorType(tuple(d + before + after for d, (before, after) in zip(s, widths, strict=True)), types[0].dtype)


def _sources(d: int, before: int, after: int, mode: str) -> tuple[int, ...]:
    """For each place along the padded axis the one that it is copied from. What is cut off is not gone round through."""
    places = range(-before, d + after)
    if mode == "replicate":
        return tuple(min(max(j, 0), d - 1) for j in places)
    if mode == "circular":
        first, last = max(-before, 0), d + min(after, 0)
        return tuple(first + (j - first) % (last - first) for j in places)
    return tuple(-j if j < 0 else 2 * (d - 1) - j if j >= d else j for j in places)


def _pad(xp: Any, x: Any, *, pad: tuple[int, ...], mode: str, value: float) -> Any:
    if not pad:
        return x
    widths = _widths(pad, x.ndim)
    if mode == "constant":
        x = x[tuple(slice(max(-before, 0), d - max(-after, 0)) for d, (before, after) in zip(x.shape, widths, strict=True))]
        wider = [(max(before, 0), max(after, 0)) for before, after in widths]
        return xp.pad(x, wider, constant_values=xp.asarray(value).astype(x.dtype))
    for k, (before, after) in enumerate(widths):
        if before or after:
            x = xp.take(x, xp.asarray(_sources(x.shape[k], before, after, mode)), axis=k)
    return x


def _pad_vjp(b: Builder, node: Node, g: int) -> Sequence[int | Part]:
    s, mode = b.shape(node.inputs[0]), node.attrs["mode"]
    widths = _widths(node.attrs["pad"], len(s))
    if mode == "constant":
        inside = [
            (max(before, 0), max(before, 0) + d + min(before, 0) + min(after, 0), 1) for d, (before, after) in zip(s, widths, strict=True)
        ]
        cut = SLICE(b, g, index=tuple(inside))
        if all(before >= 0 and after >= 0 for before, after in widths):
            return [cut]
        return [Part(cut, tuple((max(-before, 0), d - max(-after, 0), 1) for d, (before, after) in zip(s, widths, strict=True)))]
    for k, (before, after) in enumerate(widths):
        d = s[k]
        if (before or after) and isinstance(d, int):
            index = _sources(d, before, after, mode)
            have = b.shape(g)
            g = SCATTER_ROWS(b, g, b.const(index, "int64", (len(index),)), axis=k, shape=(*have[:k], d, *have[k + 1 :]))
    return [g]


def _pad_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return PAD(b, new[0], **node.attrs)  # it counts axes from the last


PAD = OpDef(
    "pad",
    "x with more around it: `value`, or with mode 'reflect', 'replicate' or 'circular' what is inside. `pad` counts before and after, "
    "beginning with the last axis; negative numbers cut off (torch.nn.functional.pad).",
    "pad(x, [1, 1])",
    ("x",),
    _padded,
    _pad,
    _pad_vjp,
    attrs=(Attr("pad", "ints", required=True), Attr("mode", "text", "constant"), Attr("value", "number", 0.0)),
    prepare=_pad_ready,
    rows=_pad_rows,
    onnx="Pad",
    cases=(
        Case(((3,),), {"pad": (1, 2)}),
        Case(((2, 3),), {"pad": (1, 0, 0, 2), "value": 1.5}),
        Case(((2, 3),), {"pad": (2, 1)}),
        Case(((3, 4),), {"pad": (-1, 1, 2, -2)}),
        Case(((1, 3, 4),), {"pad": (3, 1), "mode": "reflect"}),
        Case(((1, 3, 4),), {"pad": (5, -1), "mode": "replicate"}),
        Case(((1, 2, 3, 4),), {"pad": (1, 2, 3, 1), "mode": "circular"}),
    ),
    derivatives=("1",),
    torch="nn.functional.pad",
)

OPS: tuple[OpDef, ...] = (PAD,)
