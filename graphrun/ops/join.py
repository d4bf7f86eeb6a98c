"""What is put together along an axis: concat, stack, pad, roll, tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, promote, shape_text
from graphrun.ops.common import as_dtype, axis_of, dtype_of, unchanged, wants
from graphrun.ops.layout import RESHAPE, SUM_TO, as_shape, to_rows
from graphrun.ops.slices import SLICE

__all__ = ["CONCAT", "OPS", "PAD", "ROLL", "STACK", "TILE"]


# -- concat, stack --------------------------------------------------------------------------------------------------------


def _concat_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"axis": axis_of(attrs["axis"], len(types[0].shape), types[0].shape)}


def _concat_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    axis, first = attrs["axis"], types[0].shape
    length: Dim = 0
    for k, t in enumerate(types):
        s = t.shape
        if len(s) != len(first) or s[:axis] != first[:axis] or s[axis + 1 :] != first[axis + 1 :]:
            raise OpFault(
                f"cannot join {shape_text(first)} and {shape_text(s)} along axis {axis}",
                operands=(0, k),
                notes=["all axes but that one must be equal"],
            )
        length = length + s[axis]
    return TensorType((*first[:axis], length, *first[axis + 1 :]), promote(*(t.dtype for t in types)))


def _met_list(xp: Any, xs: Sequence[Any]) -> list[Any]:
    dtype = promote(*map(dtype_of, xs))
    return [as_dtype(xp, x, dtype) for x in xs]


def _concat_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    axis, at = node.attrs["axis"], 0
    out: list[int | None] = []
    start: Dim = at
    for i in node.inputs:
        stop = start + b.shape(i)[axis]
        index = (*(None,) * axis, (start, stop, 1))
        out.append(SLICE(b, g, index=index) if wants(b, i) else None)
        start = stop
    return out


def _concat_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return CONCAT(b, *_all_rows(b, new, carries, dim), axis=node.attrs["axis"] + 1)


def _all_rows(b: Builder, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> list[int]:
    return [i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)]


CONCAT = OpDef(
    "concat",
    "The values of a list, one behind the other along `axis`.",
    "concat([a, b])",
    ("arrays",),
    _concat_type,
    lambda xp, *xs, axis: xp.concat(_met_list(xp, xs), axis=axis),
    _concat_vjp,
    attrs=(Attr("axis", "axis", 0),),
    prepare=_concat_ready,
    variadic=True,
    rows=_concat_rows,
    onnx="Concat",
    cases=(
        Case(((2,), (3,))),
        Case(((2, 3), (2, 1), (2, 2)), {"axis": -1}),
        Case(((2, 3), (0, 3))),
        Case(((1, 2),), {"axis": 0}),
    ),
    derivatives=("1",),
)


def _stack_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"axis": axis_of(attrs["axis"], len(types[0].shape) + 1)}


def _stack_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    axis, first = attrs["axis"], types[0].shape
    for k, t in enumerate(types):
        if t.shape != first:
            raise OpFault(
                f"cannot stack {shape_text(first)} and {shape_text(t.shape)}", operands=(0, k), notes=["all shapes must be equal"]
            )
    return TensorType((*first[:axis], len(types), *first[axis:]), promote(*(t.dtype for t in types)))


def _stack_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    axis = node.attrs["axis"]
    whole = (None,) * axis
    return [SLICE(b, g, index=(*whole, (k, k + 1, 1)), squeeze=(axis,)) if wants(b, i) else None for k, i in enumerate(node.inputs)]


def _stack_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return STACK(b, *_all_rows(b, new, carries, dim), axis=node.attrs["axis"] + 1)


STACK = OpDef(
    "stack",
    "The values of a list along a new axis.",
    "stack([a, b])",
    ("arrays",),
    _stack_type,
    lambda xp, *xs, axis: xp.stack(_met_list(xp, [xp.asarray(x) for x in xs]), axis=axis),
    _stack_vjp,
    attrs=(Attr("axis", "axis", 0),),
    prepare=_stack_ready,
    variadic=True,
    rows=_stack_rows,
    cases=(Case(((), ())), Case(((3,), (3,), (3,))), Case(((2, 3), (2, 3)), {"axis": -1}), Case(((0,), (0,)), {"axis": 1})),
    derivatives=("1",),
)


# -- pad, roll, tile -------------------------------------------------------------------------------------------------------


def _pad_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    pad = (attrs["pad"],) if isinstance(attrs["pad"], int) else tuple(attrs["pad"])
    if len(pad) % 2 or len(pad) > 2 * len(types[0].shape):
        raise OpFault(
            f"`pad` has {len(pad)} numbers, which does not fit {shape_text(types[0].shape)}",
            code="wrong-type",
            operands=(0,),
            notes=["it takes two for each axis, before and after, beginning with the last axis"],
        )
    if any(p < 0 for p in pad):
        raise OpFault("`pad` cannot be negative", code="wrong-type", help="cut with a slice: `x[1:-1]`")
    return {**attrs, "pad": pad, "value": float(attrs["value"])}


def _widths(pad: tuple[int, ...], rank: int) -> list[tuple[int, int]]:
    """(before, after) for each axis, the first axis first."""
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    return [(0, 0)] * (rank - len(pairs)) + pairs[::-1]


def _padded(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    s = types[0].shape
    widths = _widths(attrs["pad"], len(s))
    return TensorType(tuple(d + before + after for d, (before, after) in zip(s, widths, strict=True)), types[0].dtype)


def _pad(xp: Any, x: Any, *, pad: tuple[int, ...], value: float) -> Any:
    if not pad:
        return x
    return xp.pad(x, _widths(pad, x.ndim), constant_values=xp.asarray(value).astype(x.dtype))


def _pad_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    s = b.shape(node.inputs[0])
    index = tuple((before, before + d, 1) for d, (before, _) in zip(s, _widths(node.attrs["pad"], len(s)), strict=True))
    return [SLICE(b, g, index=index)]


def _pad_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return PAD(b, new[0], **node.attrs)  # it counts axes from the last


PAD = OpDef(
    "pad",
    "x with `value` around it. `pad` counts before and after, beginning with the last axis (torch.nn.functional.pad).",
    "pad(x, [1, 1])",
    ("x",),
    _padded,
    _pad,
    _pad_vjp,
    attrs=(Attr("pad", "ints", required=True), Attr("value", "number", 0.0)),
    prepare=_pad_ready,
    rows=_pad_rows,
    onnx="Pad",
    cases=(Case(((3,),), {"pad": (1, 2)}), Case(((2, 3),), {"pad": (1, 0, 0, 2), "value": 1.5}), Case(((2, 3),), {"pad": (2, 1)})),
    derivatives=("1",),
    torch="nn.functional.pad",
)


def _roll_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [ROLL(b, g, shifts=-node.attrs["shifts"], axis=node.attrs["axis"])]


def _roll_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return ROLL(b, new[0], shifts=node.attrs["shifts"], axis=node.attrs["axis"] + 1)


def _one_axis_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return {**attrs, "axis": axis_of(attrs["axis"], len(s), s)}


ROLL = OpDef(
    "roll",
    "x moved on by `shifts` places along `axis`; what leaves at the end comes in at the front.",
    "roll(x, shifts)",
    ("x",),
    unchanged,
    lambda xp, x, *, shifts, axis: xp.roll(x, shifts, axis=axis),
    _roll_vjp,
    attrs=(Attr("shifts", "int", required=True), Attr("axis", "axis", -1)),
    prepare=_one_axis_ready,
    rows=_roll_rows,
    cases=(Case(((4,),), {"shifts": 1}), Case(((2, 3),), {"shifts": -2}), Case(((2, 3),), {"shifts": 1, "axis": 0})),
    derivatives=("1",),
)


def _tile_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    dims = as_shape(attrs["dims"])
    return {"dims": (1,) * (len(types[0].shape) - len(dims)) + dims}


def _tiled(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(tuple(d * r for d, r in _tile_pairs(types[0].shape, attrs["dims"])), types[0].dtype)


def _tile_pairs(shape: Shape, dims: Shape) -> list[tuple[Dim, Dim]]:
    return list(zip((1,) * (len(dims) - len(shape)) + shape, dims, strict=True))


def _tile_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    shape = b.shape(node.inputs[0])
    pairs = _tile_pairs(shape, node.attrs["dims"])
    apart = RESHAPE(b, g, shape=tuple(n for d, r in pairs for n in (r, d)))
    return [RESHAPE(b, SUM_TO(b, apart, shape=tuple(n for d, _ in pairs for n in (1, d))), shape=shape)]


def _tile_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    shape, dims = node.graph.shape(node.inputs[0]), node.attrs["dims"]
    x = RESHAPE(b, new[0], shape=(dim, *(1,) * (len(dims) - len(shape)), *shape))
    return TILE(b, x, dims=(1, *dims))


TILE = OpDef(
    "tile",
    "x repeated `dims` times along each axis (torch.tile).",
    "tile(x, [2, 1])",
    ("x",),
    _tiled,
    lambda xp, x, *, dims: xp.tile(x, dims),
    _tile_vjp,
    attrs=(Attr("dims", "shape", required=True),),
    prepare=_tile_ready,
    rows=_tile_rows,
    onnx="Tile",
    cases=(Case(((3,),), {"dims": (2,)}), Case(((2, 3),), {"dims": 2}), Case(((2, 1),), {"dims": (2, 1, 3)}), Case(((),), {"dims": (2,)})),
    derivatives=("1",),
)

OPS: tuple[OpDef, ...] = (CONCAT, STACK, PAD, ROLL, TILE)
